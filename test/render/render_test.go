// Package render_test holds what `plumbline deploy` prints against what kustomize and Helm make of the base and the chart that it
// writes, by their own libraries. It is a module of its own: those libraries are large, and no part of the program.
package render_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

var plumbline string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "plumbline-render")
	if err == nil {
		plumbline = filepath.Join(folder, "plumbline")
		build := exec.Command("go", "build", "-ldflags=-X main.version=v1.2.3", "-o", plumbline, ".")
		build.Dir, build.Env, build.Stderr = "../..", append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
		err = build.Run()
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "building plumbline:", err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(folder)
	os.Exit(code)
}

// deploy runs plumbline deploy; settings of the environment are NAME=VALUE.
func deploy(t *testing.T, environment []string, flags ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), plumbline, append([]string{"deploy"}, flags...)...)
	var complaints bytes.Buffer
	cmd.Env, cmd.Stderr = append([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, environment...), &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("plumbline deploy %s: %v\n%s", strings.Join(flags, " "), err, complaints.String())
	}
	return out
}

// objects reads YAML; the key names an object.
func objects(t *testing.T, text []byte) map[string]any {
	t.Helper()
	all := map[string]any{}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var o map[string]any
		if err := decoder.Decode(&o); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if o == nil {
			continue
		}
		meta, _ := o["metadata"].(map[string]any)
		key := fmt.Sprint(o["apiVersion"], " ", o["kind"], " ", meta["namespace"], " ", meta["name"])
		if all[key] != nil {
			t.Errorf("%s is there twice", key)
		}
		all[key] = o
	}
}

func kustomized(t *testing.T, folder string) map[string]any {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return objects(t, text)
}

// rendered is what helm template prints, and the notes.
func rendered(folder, namespace string, set map[string]any) (text []byte, notes string, err error) {
	chart, err := loader.LoadDir(folder)
	if err != nil {
		return nil, "", err
	}
	values, err := util.ToRenderValues(chart, set, common.ReleaseOptions{Name: "plumbline", Namespace: namespace, Revision: 1, IsInstall: true}, common.DefaultCapabilities)
	if err != nil {
		return nil, "", err
	}
	files, err := engine.Render(chart, values)
	if err != nil {
		return nil, "", err
	}
	for name, content := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			notes = content
			continue
		}
		text = append(text, "---\n"+content+"\n"...)
	}
	return text, notes, nil
}

func valuesOf(t *testing.T, folder string) map[string]any {
	t.Helper()
	text, err := os.Open(filepath.Join(folder, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	values, err := loader.LoadValues(text)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

var needed = "--image registry.test/plumbline@sha256:" + strings.Repeat("0", 64) + " --prometheus http://prometheus.monitoring:9090 "

// cases set each flag that changes what there is, alone and beside others.
var cases = map[string]struct {
	flags       string
	environment []string
}{
	"broker outside":                {flags: needed + "--mqtt-url mqtt://hub@mosquitto.mqtt:1883"},
	"broker outside, all Secrets":   {needed + "--mqtt-url mqtt://hub@mosquitto.mqtt:1883", []string{"DATABASE_URL=postgres://d", "PLUMBLINE_MQTT_PASSWORD=p"}},
	"broker outside, its password":  {needed + "--mqtt-url mqtt://hub@mosquitto.mqtt:1883", []string{"PLUMBLINE_MQTT_PASSWORD=p"}},
	"database":                      {needed + "--mqtt-anonymous", []string{"SUPABASE_HOST=h", "SUPABASE_DB=d", "SUPABASE_USER=u", "SUPABASE_PASSWORD=p"}},
	"accounts":                      {flags: needed + "--mqtt-account pi1 --mqtt-account pi2 --mqtt-service NodePort"},
	"accounts and TLS":              {flags: needed + "--mqtt-account pi1 --mqtt-tls-secret certificate --mqtt-service LoadBalancer"},
	"anonymous, TLS, database":      {needed + "--mqtt-anonymous --mqtt-tls-secret certificate --storage 5Gi --storage-class local", []string{"DATABASE_URL=postgres://d"}},
	"patch":                         {flags: needed + "--mqtt-anonymous --placement patch"},
	"none, without TLS":             {flags: needed + "--mqtt-anonymous --placement none --no-scaler-tls --no-dashboard"},
	"patch, without TLS":            {flags: needed + "--mqtt-anonymous --placement patch --no-scaler-tls --trigger capturesPerJob=10 --trigger slotsPerNode=2"},
	"no policies":                   {flags: needed + "--mqtt-anonymous --no-network-policies"},
	"page for some":                 {flags: needed + "--mqtt-account pi1 --mqtt-tls-secret certificate --page-from ingress-nginx --page-from kube-system --metrics-from a --metrics-from b --keda-namespace scaling"},
	"page for some, broker outside": {flags: needed + "--mqtt-url mqtt://m:1883 --page-from ingress-nginx"},
	"metrics from anywhere":         {flags: needed + "--mqtt-anonymous --metrics-from *"},
	"operator":                      {flags: needed + "--mqtt-anonymous --pod-monitors yes --monitor-label release=prometheus"},
	"Jetsons": {flags: needed + "--namespace second --cluster-domain cluster.test --mqtt-anonymous --runtime-class nvidia --worker-group 44 --worker-group 104 " +
		"--worker-nodes board=jetson --export-nodes board=jetson --image-pull-secret login --image-pull-policy Never --sysfs /host --control-replicas 3"},
	"arguments": {flags: needed + "--prometheus http://second.monitoring:9090 --mqtt-anonymous --hub-arg=--journal-age=90d --hub-arg=--http-host={{x}} --control-arg=--gpu-threshold=0.7 " +
		"--export-arg=--jetson-metric=none --worker-arg=--model=heavy --worker-arg=--models-dir=a:\"b\"#c --max-workers 7 --polling-interval 5s --worker-sessions 2 --worker-idle 1m30s --worker-cpu 2 --worker-memory 3Gi"},
}

// What deploy prints, what kustomize builds of its base and what Helm makes of its chart are the same objects; and so is what Helm makes of
// the chart without flags, with the values of the one with them.
func TestDeployKustomizeAndHelmAreTheSame(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "chart")
	deploy(t, nil, "--output", "helm:"+plain)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := strings.Fields(c.flags)
			printed := objects(t, deploy(t, c.environment, append(flags, "--dry-run", "--without-secrets")...))
			base, chart := filepath.Join(t.TempDir(), "base"), filepath.Join(t.TempDir(), "chart")
			deploy(t, c.environment, append(flags, "--output", "kustomize:"+base)...)
			deploy(t, c.environment, append(flags, "--output", "helm:"+chart)...)
			same(t, "kustomize", printed, kustomized(t, base))
			namespace := withoutNamespace(t, printed)
			for from, set := range map[string]map[string]any{chart: nil, plain: valuesOf(t, chart)} {
				text, _, err := rendered(from, namespace, set)
				if err != nil {
					t.Fatal(err)
				}
				same(t, fmt.Sprintf("Helm, with values set: %t,", set != nil), printed, objects(t, text))
			}
		})
	}
}

// same holds each object against its counterpart.
func same(t *testing.T, who string, printed, made map[string]any) {
	t.Helper()
	for key := range made {
		if printed[key] == nil {
			t.Errorf("%s makes %s, which deploy does not", who, key)
		}
	}
	for key, o := range printed {
		if diff := cmp.Diff(o, made[key]); diff != "" {
			t.Errorf("%s makes another %s (-deploy +it):\n%s", who, key, diff)
		}
	}
}

// withoutNamespace takes the Namespace away, which is Helm's to make, and gives its name.
func withoutNamespace(t *testing.T, all map[string]any) string {
	t.Helper()
	for key, o := range all {
		if o.(map[string]any)["kind"] == "Namespace" {
			delete(all, key)
			return o.(map[string]any)["metadata"].(map[string]any)["name"].(string)
		}
	}
	t.Fatal("there is no Namespace")
	return ""
}

// Values that cannot work are refused before anything is installed, each with what to do.
func TestTheChartRefusesWhatCannotWork(t *testing.T) {
	good := func() map[string]any {
		return map[string]any{"image": "i", "control": map[string]any{"prometheus": []any{"http://p.monitoring:9090"}}, "hub": map[string]any{"mqtt": map[string]any{"anonymous": true}}}
	}
	mqtt := func(v map[string]any) map[string]any { return v["hub"].(map[string]any)["mqtt"].(map[string]any) }
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"good":             {func(map[string]any) {}, ""},
		"no image":         {func(v map[string]any) { delete(v, "image") }, "image is missing"},
		"no Prometheus":    {func(v map[string]any) { delete(v, "control") }, "control.prometheus is missing"},
		"placement":        {func(v map[string]any) { v["control"].(map[string]any)["placement"] = "here" }, "choose gate, patch or none"},
		"no broker":        {func(v map[string]any) { mqtt(v)["anonymous"] = false }, "how do pictures come?"},
		"accounts and all": {func(v map[string]any) { mqtt(v)["accounts"] = []any{"a"} }, "how do pictures come?"},
		"anonymous abroad": {func(v map[string]any) { mqtt(v)["url"] = "mqtt://m" }, "a broker outside"},
		"trigger's address": {func(v map[string]any) {
			v["worker"] = map[string]any{"trigger": map[string]any{"scalerAddress": "x:1"}}
		}, "scalerAddress is set by the chart itself"},
		"sysfs":           {func(v map[string]any) { v["exporter"] = map[string]any{"sysfs": "sys"} }, "give the whole path"},
		"no session":      {func(v map[string]any) { v["worker"] = map[string]any{"sessions": 0} }, "give at least 1"},
		"misspelt":        {func(v map[string]any) { v["imgae"] = "i" }, "imgae"},
		"misspelt within": {func(v map[string]any) { mqtt(v)["anon"] = true }, "anon"},
		"of a wrong kind": {func(v map[string]any) { mqtt(v)["anonymous"] = "yes" }, "boolean"},
	} {
		t.Run(name, func(t *testing.T) {
			set := good()
			c.change(set)
			_, notes, err := rendered("../../deploy/helm/plumbline", "there", set)
			switch {
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("the error is %v, want %q in it", err, c.want)
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "" && !strings.Contains(notes, "plumbline deploy --secrets-only --namespace there"):
				t.Errorf("the notes do not say how Secrets are made:\n%s", notes)
			}
		})
	}
}

// Helm's own linter has no error to tell of.
func TestTheChartIsInOrder(t *testing.T) {
	set := map[string]any{"image": "i", "control": map[string]any{"prometheus": []any{"http://p.monitoring:9090"}}, "hub": map[string]any{"mqtt": map[string]any{"anonymous": true}}}
	for _, m := range lint.RunAll("../../deploy/helm/plumbline", set, "there").Messages {
		if m.Severity >= support.WarningSev {
			t.Error(m)
		}
	}
}
