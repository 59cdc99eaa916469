package manifest

import (
	"fmt"
	"maps"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ScaledJob is the part of KEDA's that is written here (keda.sh/docs/2.21/reference/scaledjob-spec), in KEDA's words. KEDA's own
// module would bring all of its scalers' libraries.
type ScaledJob struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              ScaledJobSpec `json:"spec"`
}

// ScaledJobSpec says which Jobs are made, and when.
type ScaledJobSpec struct {
	JobTargetRef               batchv1.JobSpec `json:"jobTargetRef"`
	PollingInterval            int32           `json:"pollingInterval"` // seconds
	MinReplicaCount            int32           `json:"minReplicaCount"`
	MaxReplicaCount            int32           `json:"maxReplicaCount"`
	SuccessfulJobsHistoryLimit int32           `json:"successfulJobsHistoryLimit"`
	FailedJobsHistoryLimit     int32           `json:"failedJobsHistoryLimit"`
	Rollout                    Rollout         `json:"rollout"`
	ScalingStrategy            ScalingStrategy `json:"scalingStrategy"`
	Triggers                   []Trigger       `json:"triggers"`
}

// Rollout says what becomes of running Jobs when the ScaledJob changes.
type Rollout struct {
	Strategy string `json:"strategy"`
}

// ScalingStrategy says what KEDA makes of the scaler's number.
type ScalingStrategy struct {
	Strategy string `json:"strategy"`
}

// Trigger says whom KEDA asks.
type Trigger struct {
	Type              string             `json:"type"`
	Metadata          map[string]string  `json:"metadata"`
	AuthenticationRef *AuthenticationRef `json:"authenticationRef,omitempty"`
}

// AuthenticationRef names the TriggerAuthentication by which KEDA asks.
type AuthenticationRef struct {
	Name string `json:"name"`
}

// TriggerAuthentication is the part of KEDA's that is written here: what it shows an external scaler, out of a Secret.
type TriggerAuthentication struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              TriggerAuthenticationSpec `json:"spec"`
}

// TriggerAuthenticationSpec lists the parameters.
type TriggerAuthenticationSpec struct {
	SecretTargetRef []SecretTargetRef `json:"secretTargetRef"`
}

// SecretTargetRef says where a parameter of the trigger stands.
type SecretTargetRef struct {
	Parameter string `json:"parameter"`
	Name      string `json:"name"`
	Key       string `json:"key"`
}

// stopGrace is how long a worker that is told to end may finish what it has in hand.
const stopGrace = 10 * time.Second

func (o *Options) scaledJob() Object {
	metadata := maps.Clone(o.Worker.Trigger)
	if metadata == nil {
		metadata = map[string]string{}
	}
	metadata["scalerAddress"] = fmt.Sprintf("%s:%d", o.host(Control), scalerPort)
	var authentication *AuthenticationRef
	if o.Control.TLS {
		metadata["enableTLS"], authentication = "true", &AuthenticationRef{Work}
	}
	return &ScaledJob{
		TypeMeta: kind("keda.sh/v1alpha1", "ScaledJob"), ObjectMeta: o.meta(Work, "work"),
		Spec: ScaledJobSpec{
			// No podFailurePolicy: with one, a Job replaces a pod only when it has ended, which one on a dead node never does.
			JobTargetRef:    batchv1.JobSpec{BackoffLimit: ptr[int32](6), Template: o.workerPod()},
			PollingInterval: int32(o.Worker.PollingInterval / time.Second), MaxReplicaCount: o.Worker.MaxReplicas,
			SuccessfulJobsHistoryLimit: 10, FailedJobsHistoryLimit: 10,
			Rollout: Rollout{"gradual"}, // KEDA's own default deletes running Jobs whenever the ScaledJob changes
			// With default KEDA subtracts Jobs that it has just made itself; with eager it counts pending ones twice.
			ScalingStrategy: ScalingStrategy{"default"},
			// external-push does nothing for a ScaledJob.
			Triggers: []Trigger{{Type: "external", Metadata: metadata, AuthenticationRef: authentication}},
		},
	}
}

// scalerAuthentication is what KEDA shows the controller, and whom it believes.
func (o *Options) scalerAuthentication() []Object {
	if !o.Control.TLS {
		return nil
	}
	ref := func(parameter, key string) SecretTargetRef {
		return SecretTargetRef{parameter, ScalerClientSecret, key}
	}
	return []Object{&TriggerAuthentication{
		TypeMeta: kind("keda.sh/v1alpha1", "TriggerAuthentication"), ObjectMeta: o.meta(Work, "work"),
		Spec: TriggerAuthenticationSpec{[]SecretTargetRef{ref("caCert", "ca.crt"), ref("tlsClientCert", "tls.crt"), ref("tlsClientKey", "tls.key")}},
	}}
}

// MemoryLimit is the workers': twice what they ask for.
func (o *Options) MemoryLimit() string {
	limit, err := resource.ParseQuantity(o.Worker.Memory)
	if err != nil {
		return o.Worker.Memory // which is refused elsewhere
	}
	limit.Add(limit)
	return limit.String()
}

func (o *Options) workerPod() corev1.PodTemplateSpec {
	c := corev1.Container{
		Args: append([]string{
			"work", fmt.Sprintf("--nats=nats://%s:%d", o.host(Hub), natsPort), "--nats-token-file=/etc/plumbline/nats-token/nats-token",
			"--workers=" + strconv.Itoa(o.Worker.Sessions), "--exit-when-idle=" + o.Worker.ExitWhenIdle.String(), "--stop-grace=" + stopGrace.String(),
		}, o.Worker.Args...),
		Env: append([]corev1.EnvVar{node()}, o.gpus("compute,utility")...), Resources: needs(o.Worker.CPU, o.Worker.Memory, o.MemoryLimit()),
	}
	t := o.pod(Work, "work", c, temporary(), secretVolume("nats-token", "/etc/plumbline/nats-token", TokenSecret))
	s := &t.Spec
	s.RestartPolicy = corev1.RestartPolicyNever
	s.TerminationGracePeriodSeconds = ptr(int64(2 * stopGrace / time.Second))
	s.NodeSelector, s.RuntimeClassName = o.Worker.NodeSelector, o.runtimeClass()
	s.SecurityContext.SupplementalGroups = o.Worker.Groups
	// A pod stuck on a dead node keeps its Job counted as running.
	s.Tolerations = append(unreachable(), o.Worker.Tolerations...)
	if o.Control.Placement == PlacementGate {
		s.SchedulingGates = []corev1.PodSchedulingGate{{Name: Gate}}
	}
	return t
}
