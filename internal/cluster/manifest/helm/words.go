package helm

import "regexp"

// semantic are versions as Helm wants them.
var semantic = regexp.MustCompile(`^v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)$`)

// chartVersion is the program's, where Helm takes it for one.
func chartVersion(version string) string {
	if m := semantic.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	return "0.0.0"
}

// check refuses values that cannot work together, as the manifests refuse such options.
const check = `{{- define "plumbline.check" }}
{{- with .Values }}
{{- if not .image }}{{ fail "image is missing: the reference that plumbline image --push prints" }}{{ end }}
{{- if not .control.prometheus }}{{ fail "control.prometheus is missing: where are the nodes' loads, such as http://prometheus.monitoring:9090?" }}{{ end }}
{{- if not (has .control.placement (list "gate" "patch" "none")) }}{{ fail "control.placement: choose gate, patch or none" }}{{ end }}
{{- with .hub.mqtt }}
{{- if and .url (or .anonymous .accounts .tlsSecret) }}{{ fail "a broker outside (hub.mqtt.url) says itself who may publish, and how: accounts, anonymous and tlsSecret are of the one inside" }}{{ end }}
{{- if and (not .url) (eq (not .anonymous) (not .accounts)) }}{{ fail "how do pictures come? Give one of hub.mqtt.url, hub.mqtt.accounts and hub.mqtt.anonymous" }}{{ end }}
{{- end }}
{{- range $key := list "scalerAddress" "enableTLS" "unsafeSsl" }}{{ if hasKey $.Values.worker.trigger $key }}{{ fail (printf "worker.trigger: %s is set by the chart itself, by control.tls and the controller's own name" $key) }}{{ end }}{{ end }}
{{- if not (hasPrefix "/" .exporter.sysfs) }}{{ fail "exporter.sysfs: give the whole path, such as /sys" }}{{ end }}
{{- if or (lt (int64 .control.replicas) 1) (lt (int64 .worker.maxReplicas) 1) (lt (int64 .worker.sessions) 1) (lt (int64 .worker.pollingInterval) 1) }}{{ fail "control.replicas, worker.maxReplicas, worker.sessions and worker.pollingInterval: give at least 1" }}{{ end }}
{{- end }}
{{- end }}
{{- template "plumbline.check" . }}
`

// notes are what Helm says when it is done.
const notes = `The Secrets are not in this chart. If they are not there yet, pods wait for them:

  plumbline deploy --secrets-only --namespace {{ .Release.Namespace }}
  {{- range .Values.hub.mqtt.accounts }} --mqtt-account {{ . }}{{ end }}
  {{- if not .Values.control.tls }} --no-scaler-tls{{ end }} | kubectl apply -f -

{{- if .Values.hub.database }}
with DATABASE_URL, or SUPABASE_HOST and so on, in its environment.
{{- end }}
{{- if .Values.hub.mqtt.password }}
with PLUMBLINE_MQTT_PASSWORD in its environment.
{{- end }}

What the controller sees and decides:

  kubectl -n {{ .Release.Namespace }} exec deploy/plumbline-control -- plumbline control status
`
