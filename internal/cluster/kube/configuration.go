package kube

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// origin is what the configuration says besides the address.
type origin struct {
	namespace string
	context   string // of the kubeconfig; empty in a pod
}

// configuration finds out which cluster is meant, in the order in which people mean it: what they named, the cluster that
// this process runs in, what kubectl would use.
func configuration(o Options) (*rest.Config, origin, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.Context}
	overrides.Context.Namespace = o.Namespace
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, origin{}, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	from := origin{context: raw.CurrentContext}
	if o.Context != "" {
		from.context = o.Context
	}
	if err := checkContext(raw, from.context, rules); err != nil {
		return nil, origin{}, err
	}
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, origin{}, fmt.Errorf("no Kubernetes cluster to talk to (give --kubeconfig, or run as a pod with a ServiceAccount): %w", err)
	}
	if from.namespace, _, err = loader.Namespace(); err != nil {
		return nil, origin{}, fmt.Errorf("reading the namespace of the kubeconfig: %w", err)
	}
	return rest.CopyConfig(config), from, nil
}

// checkContext says which contexts there are when the one that is wanted is not among them.
func checkContext(raw clientcmdapi.Config, wanted string, rules *clientcmd.ClientConfigLoadingRules) error {
	if _, there := raw.Contexts[wanted]; there || wanted == "" {
		return nil
	}
	return fmt.Errorf("the kubeconfig (%s) has no context %q, but %s: choose one with --context",
		strings.Join(rules.GetLoadingPrecedence(), ", "), wanted, listOf(slices.Sorted(maps.Keys(raw.Contexts))))
}

func listOf(names []string) string {
	if len(names) == 0 {
		return "none at all"
	}
	return strings.Join(names, ", ")
}

// warner passes each warning of the apiserver on once.
type warner struct {
	tell func(string)
	mu   sync.Mutex
	told map[string]bool
}

// HandleWarningHeader is client-go's name for it.
func (w *warner) HandleWarningHeader(code int, _, text string) {
	const miscellaneous = 299 // RFC 7234; the API uses no other
	w.mu.Lock()
	known := w.told[text]
	w.told[text] = true
	w.mu.Unlock()
	if code == miscellaneous && text != "" && !known {
		w.tell(text)
	}
}
