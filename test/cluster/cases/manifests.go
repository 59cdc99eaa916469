//go:build linux

package cases

// manifests: image, database, a folder of the machine, Prometheus.
const manifests = `
apiVersion: v1
kind: Service
metadata: {name: hub, namespace: plumbline}
spec:
  selector: {app: hub}
  ports: [{name: http, port: 8080}, {name: nats, port: 4222}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: hub, namespace: plumbline}
spec:
  strategy: {type: Recreate}
  selector: {matchLabels: {app: hub}}
  template:
    metadata: {labels: {app: hub}}
    spec:
      containers:
      - name: hub
        image: %[1]s
        imagePullPolicy: Never
        args: [serve, --data=/data/hub, --images-dir=/data/pictures, --workers=0, "--mqtt-url=mqtt://10.77.0.254:1883", "--listen-nats=0.0.0.0:4222", "--nats-host=hub,hub.plumbline,hub.plumbline.svc.cluster.local", "--http-listen=0.0.0.0:8080", --http-anonymous, --nats-token-file=/data/token/nats-token]
        env: [{name: DATABASE_URL, value: "%[2]s"}]
        ports: [{name: metrics, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}
        volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, hostPath: {path: "%[3]s"}}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: export, namespace: plumbline}
spec:
  selector: {matchLabels: {app: export}}
  template:
    metadata: {labels: {app: export}}
    spec:
      tolerations: [{operator: Exists}]
      automountServiceAccountToken: false
      containers:
      - name: export
        image: %[1]s
        imagePullPolicy: Never
        args: [export, --http-listen=:9401, --http-anonymous, --sysfs=/host/sys]
        env: [{name: PLUMBLINE_NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
        ports: [{name: metrics, containerPort: 9401}]
        readinessProbe: {httpGet: {path: /readyz, port: 9401}, periodSeconds: 1}
        volumeMounts: [{name: sys, mountPath: /host/sys, readOnly: true}]
      volumes: [{name: sys, hostPath: {path: /run/sysfs}}]
---
apiVersion: v1
kind: Service
metadata: {name: control, namespace: plumbline}
spec:
  clusterIP: None
  selector: {app: control}
  ports: [{name: keda, port: 9402}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: control, namespace: plumbline}
spec:
  replicas: 2
  selector: {matchLabels: {app: control}}
  template:
    metadata: {labels: {app: control}}
    spec:
      serviceAccountName: control
      containers:
      - name: control
        image: %[1]s
        imagePullPolicy: Never
        args: [control, --hub=http://hub:8080, "--prometheus=%[4]s", --listen=0.0.0.0:9402, --listen-anonymous, --http-listen=:9403, --http-anonymous, --load-every=1s, --load-window=3s, --max-age=15s]
        env: [{name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
        ports: [{name: metrics, containerPort: 9403}]
        readinessProbe: {httpGet: {path: /readyz, port: 9403}, periodSeconds: 1}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: {name: plumbline-work, namespace: plumbline}
spec:
  pollingInterval: 1
  maxReplicaCount: 10
  rollout: {strategy: gradual}
  successfulJobsHistoryLimit: 100
  failedJobsHistoryLimit: 100
  triggers: [{type: external, metadata: {scalerAddress: "control.plumbline.svc.cluster.local:9402"}}]
  jobTargetRef:
    backoffLimit: 6
    template:
      spec:
        schedulingGates: [{name: plumbline/placement}]
        restartPolicy: Never
        automountServiceAccountToken: false
        tolerations:
        - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 30}
        - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 30}
        terminationGracePeriodSeconds: 20
        containers:
        - name: work
          image: %[1]s
          imagePullPolicy: Never
          args: [work, --nats=nats://hub:4222, --nats-token-file=/token/nats-token, --exit-when-idle=16s, --workers=1]
          env: [{name: PLUMBLINE_NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
          volumeMounts: [{name: token, mountPath: /token}, {name: tmp, mountPath: /tmp}]
        volumes: [{name: token, hostPath: {path: "%[3]s/token"}}, {name: tmp, emptyDir: {}}]
`

// rights of the controller in a namespace.
const rights = `
apiVersion: v1
kind: Namespace
metadata: {name: NAMESPACE}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: control, namespace: NAMESPACE}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: control, namespace: NAMESPACE}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list, watch, patch]}
- {apiGroups: [""], resources: [pods/eviction], verbs: [create]}
- {apiGroups: [batch], resources: [jobs], verbs: [get, list, watch]}
- {apiGroups: [keda.sh], resources: [scaledjobs], verbs: [get, list, watch]}
- {apiGroups: ["", events.k8s.io], resources: [events], verbs: [create, patch, update]}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: control, namespace: NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: control}
subjects: [{kind: ServiceAccount, name: control, namespace: NAMESPACE}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: plumbline-control-NAMESPACE}
rules:
- {apiGroups: [""], resources: [nodes], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: plumbline-control-NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: plumbline-control-NAMESPACE}
subjects: [{kind: ServiceAccount, name: control, namespace: NAMESPACE}]
`
