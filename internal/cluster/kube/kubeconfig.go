package kube

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const nameAnother = "name another with --kubeconfig or KUBECONFIG"

func unusable(file, why string) error {
	return fmt.Errorf("the kubeconfig %s cannot be used: %s; %s", file, why, nameAnother)
}

func filesOf(rules *clientcmd.ClientConfigLoadingRules) string {
	return strings.Join(rules.GetLoadingPrecedence(), ", ")
}

// checkFiles says what is wrong with the files that a kubeconfig is read from: the library says it as its parsers do. A file that
// was not named on the command line may be missing.
func checkFiles(rules *clientcmd.ClientConfigLoadingRules) error {
	for _, path := range rules.GetLoadingPrecedence() {
		text, err := os.ReadFile(path)
		named := rules.ExplicitPath != ""
		if path == "" || errors.Is(err, fs.ErrNotExist) && !named {
			continue
		}
		if why := wrongWith(path, text, err); why != "" {
			return unusable(path, why)
		}
	}
	return nil
}

func wrongWith(path string, text []byte, err error) string {
	at, missing := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case missing == nil && at.IsDir():
		return "it is a folder"
	case errors.Is(err, fs.ErrPermission):
		return "this user may not read it"
	case err != nil:
		return err.Error()
	}
	if _, err := clientcmd.Load(text); err != nil {
		return unreadable(text, err)
	}
	return ""
}

var kindLine = regexp.MustCompile(`(?m)^kind: *([A-Za-z]+)`)

// unreadable says in which way a text is no kubeconfig.
func unreadable(text []byte, err error) string {
	kind := kindLine.FindSubmatch(text)
	_, place, isYAML := strings.Cut(err.Error(), "yaml: ")
	switch {
	case !utf8.Valid(text) || slices.Contains(text, 0):
		return "it is not text"
	case isYAML:
		return "it is no YAML (" + place + ")"
	case runtime.IsNotRegisteredError(err) && kind != nil:
		return fmt.Sprintf("it holds a %s, where a kubeconfig has kind: Config", kind[1])
	case strings.Contains(err.Error(), "illegal base64 data"):
		return "what ends in -data, a certificate or a key, is not base64"
	}
	return "it does not have the fields of a kubeconfig (clusters, users, contexts), or not in their form"
}

// checkContext says which contexts there are when the one that is wanted is not among them, and what the wanted one lacks.
func checkContext(raw clientcmdapi.Config, wanted string, rules *clientcmd.ClientConfigLoadingRules) error {
	names := strings.Join(slices.Sorted(maps.Keys(raw.Contexts)), ", ")
	context, there := raw.Contexts[wanted]
	switch {
	case len(raw.Contexts) == 0 && wanted == "":
		return nil // perhaps this is a pod of the cluster
	case len(raw.Contexts) == 0:
		return fmt.Errorf("the kubeconfig (%s) has no context %q, and no other: %s", filesOf(rules), wanted, nameAnother)
	case wanted == "":
		return fmt.Errorf("the kubeconfig (%s) does not say which context is the current one: choose with --context: %s", filesOf(rules), names)
	case !there:
		return fmt.Errorf("the kubeconfig (%s) has no context %q, but %s: choose one with --context", filesOf(rules), wanted, names)
	case raw.Clusters[context.Cluster] == nil:
		return unusable(filesOf(rules), fmt.Sprintf("its context %q is of a cluster %q, which is not in it", wanted, context.Cluster))
	case context.AuthInfo != "" && raw.AuthInfos[context.AuthInfo] == nil:
		return unusable(filesOf(rules), fmt.Sprintf("its context %q is of a user %q, who is not in it", wanted, context.AuthInfo))
	case raw.Clusters[context.Cluster].Server == "":
		return unusable(filesOf(rules), fmt.Sprintf("the cluster %q has no server in it, which is its address", context.Cluster))
	}
	return nil
}

// noCluster says where a cluster was looked for.
func noCluster(rules *clientcmd.ClientConfigLoadingRules) error {
	for _, path := range rules.GetLoadingPrecedence() {
		if _, err := os.Stat(path); err == nil {
			return unusable(filesOf(rules), "it names no cluster")
		}
	}
	return fmt.Errorf("which cluster? There is no kubeconfig at %s, and this is no pod of a cluster: name one with --kubeconfig FILE or KUBECONFIG", filesOf(rules))
}
