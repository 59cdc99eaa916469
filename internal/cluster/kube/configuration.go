package kube

import (
	"fmt"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
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
	if err := checkFiles(rules); err != nil {
		return nil, origin{}, err
	}
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, origin{}, fmt.Errorf("reading the kubeconfig (%s): %w", filesOf(rules), err)
	}
	from := origin{context: raw.CurrentContext}
	if o.Context != "" {
		from.context = o.Context
	}
	if err := checkContext(raw, from.context, rules); err != nil {
		return nil, origin{}, err
	}
	config, err := loader.ClientConfig()
	switch {
	case clientcmd.IsEmptyConfig(err):
		return nil, origin{}, noCluster(rules)
	case err != nil:
		return nil, origin{}, unusable(filesOf(rules), strings.TrimPrefix(err.Error(), "invalid configuration: "))
	}
	if from.namespace, _, err = loader.Namespace(); err != nil {
		return nil, origin{}, fmt.Errorf("reading the namespace of the kubeconfig: %w", err)
	}
	return rest.CopyConfig(config), from, nil
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
