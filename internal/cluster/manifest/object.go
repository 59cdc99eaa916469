package manifest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// Object is anything that is applied.
type Object interface {
	metav1.Object
	GetObjectKind() schema.ObjectKind
}

// Objects lists what is to be applied, in this order: what others need comes first, the ScaledJob last, since a ScaledJob whose
// scaler does not answer yet waits for gRPC's back-off.
func Objects(o Options) ([]Object, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	list := []Object{o.namespace()}
	list = append(list, o.accounts()...)
	list = append(list, o.rights()...)
	list = append(list, o.secrets()...)
	list = append(list, o.policies()...)
	list = append(list, o.hub()...)
	list = append(list, o.control()...)
	list = append(list, o.exporter())
	watched, err := o.monitoring()
	if err != nil {
		return nil, err
	}
	list = append(list, watched...)
	list = append(list, o.scalerAuthentication()...)
	return append(list, o.scaledJob()), nil
}

// SecretObjects are the namespace and the Secrets alone, for those who apply the rest by other means.
func SecretObjects(o Options) ([]Object, error) {
	if bad := validation.IsDNS1123Label(o.Namespace); len(bad) > 0 {
		return nil, fmt.Errorf("the namespace %q: %s", o.Namespace, strings.Join(bad, "; "))
	}
	return append([]Object{o.namespace()}, o.secrets()...), nil
}

// Print writes the objects as YAML, as kubectl apply -f reads it.
func Print(w io.Writer, objects []Object) error {
	for _, o := range objects {
		b, err := encode(o)
		if err == nil {
			_, err = fmt.Fprintf(w, "---\n%s", b)
		}
		if err != nil {
			return fmt.Errorf("printing %s %s: %w", o.GetObjectKind().GroupVersionKind().Kind, o.GetName(), err)
		}
	}
	return nil
}

// encode leaves out what only the cluster fills in.
func encode(o Object) ([]byte, error) {
	fields, err := Fields(o)
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(fields)
}

// Fields are what is said of an object, as JSON has it, without what only the cluster fills in.
func Fields(o Object) (map[string]any, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil {
		return nil, err
	}
	prune(fields)
	return fields, nil
}

// leftOut are fields that Kubernetes' types write even when nothing was said.
var leftOut = []string{"status", "creationTimestamp", "resources", "strategy", "updateStrategy"}

func prune(v any) {
	switch v := v.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(key string, value any) bool {
			return slices.Contains(leftOut, key) && (value == nil || isEmpty(value))
		})
		for _, inner := range v {
			prune(inner)
		}
	case []any:
		for _, inner := range v {
			prune(inner)
		}
	}
}

// isEmpty tells an object without fields, or whose fields say that there is nothing.
func isEmpty(v any) bool {
	fields, ok := v.(map[string]any)
	if !ok {
		return false
	}
	for _, value := range fields {
		if n, isNumber := value.(float64); value != nil && !isEmpty(value) && (!isNumber || n != 0) {
			return false
		}
	}
	return true
}

// The labels of everything. Selectors use the first two, which never change.
const (
	nameLabel      = "app.kubernetes.io/name"
	componentLabel = "app.kubernetes.io/component"
	partOfLabel    = "app.kubernetes.io/part-of"
	managedLabel   = "app.kubernetes.io/managed-by"
	versionLabel   = "app.kubernetes.io/version"
	instanceLabel  = "app.kubernetes.io/instance" // the namespace: tells apart what several installations have outside of any
	plumbline      = "plumbline"
)

// ComponentLabel tells the roles' objects and pods apart; WorkComponent is the workers'.
const (
	ComponentLabel = componentLabel
	WorkComponent  = "work"
)

// Selector finds everything that was deployed to a namespace: by two labels, since one alone others may have chosen as well.
const Selector = managedLabel + "=" + plumbline + "," + partOfLabel + "=" + plumbline

// SelectorOthers finds what others manage of Plumbline's: Helm writes its own name over ours.
const SelectorOthers = partOfLabel + "=" + plumbline + "," + managedLabel + "!=" + plumbline

// SelectorEverywhere finds what was deployed for a namespace and belongs to none, and the namespace itself.
func SelectorEverywhere(namespace string) string {
	return Selector + "," + instanceLabel + "=" + namespace
}

func selector(component string) map[string]string {
	return map[string]string{nameLabel: plumbline, componentLabel: component}
}

// labels of a component; those of pods do without the version, so that a version alone changes no template.
func labels(component string) map[string]string {
	all := selector(component)
	all[partOfLabel], all[managedLabel] = plumbline, plumbline
	return all
}

func (o *Options) meta(name, component string) metav1.ObjectMeta {
	all := labels(component)
	all[instanceLabel] = o.Namespace
	if o.Version != "" {
		all[versionLabel] = o.Version
	}
	return metav1.ObjectMeta{Name: name, Namespace: o.Namespace, Labels: all}
}

// metaOfCluster is of what belongs to no namespace.
func (o *Options) metaOfCluster(name, component string) metav1.ObjectMeta {
	m := o.meta(name, component)
	m.Namespace = ""
	return m
}

func kind(apiVersion, name string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: apiVersion, Kind: name}
}

func (o *Options) namespace() Object {
	return &corev1.Namespace{TypeMeta: kind("v1", "Namespace"), ObjectMeta: o.metaOfCluster(o.Namespace, "namespace")}
}

func (o *Options) secrets() []Object {
	if o.Secrets == nil {
		return nil
	}
	s := o.Secrets
	list := []Object{
		o.secret(AuthoritySecret, "hub", s.Authority),
		o.secret(TokenSecret, "hub", map[string][]byte{"nats-token": s.Token}),
		o.secret(HTTPSecret, "hub", map[string][]byte{"token": s.HTTPToken}),
	}
	if o.Control.TLS {
		list = append(list, o.certificate(ScalerSecret, s.ScalerServer), o.certificate(ScalerClientSecret, s.ScalerClient))
	}
	if o.Hub.Database {
		list = append(list, o.secret(DatabaseSecret, "hub", bytesOf(s.Database)))
	}
	if len(o.Hub.Accounts) > 0 {
		list = append(list, o.secret(AccountsSecret, "hub", bytesOf(s.Accounts)))
	}
	if o.Hub.BrokerPassword {
		list = append(list, o.secret(BrokerSecret, "hub", bytesOf(s.Broker)))
	}
	return list
}

func bytesOf(values map[string]string) map[string][]byte {
	all := map[string][]byte{}
	for key, value := range values {
		all[key] = []byte(value)
	}
	return all
}

// certificate is a Secret as cert-manager makes them, too, so that its may stand in.
func (o *Options) certificate(name string, files map[string][]byte) Object {
	return &corev1.Secret{TypeMeta: kind("v1", "Secret"), ObjectMeta: o.meta(name, "control"), Type: corev1.SecretTypeTLS, Data: files}
}

func (o *Options) secret(name, component string, data map[string][]byte) Object {
	return &corev1.Secret{TypeMeta: kind("v1", "Secret"), ObjectMeta: o.meta(name, component), Type: corev1.SecretTypeOpaque, Data: data}
}
