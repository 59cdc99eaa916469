package manifest

import (
	"bytes"
	"fmt"
	"strings"
)

// Kustomize gives the files of a kustomize base: the objects, a file each, and what lists them. Names of Services with their
// namespace stand in arguments and certificates, where kustomize's `namespace` does not look; a base is of one namespace.
func Kustomize(objects []Object) (map[string][]byte, error) {
	files := map[string][]byte{}
	var list bytes.Buffer
	list.WriteString("# Made by plumbline deploy --output kustomize:DIR; overlays change it. Another namespace is another base.\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n")
	for _, o := range objects {
		b, err := encode(o)
		if err != nil {
			return nil, fmt.Errorf("writing %s %s: %w", o.GetObjectKind().GroupVersionKind().Kind, o.GetName(), err)
		}
		name := FileName(o.GetObjectKind().GroupVersionKind().Kind, o.GetName(), o.GetLabels()[instanceLabel])
		files[name] = b
		fmt.Fprintf(&list, "  - %s\n", name)
	}
	files["kustomization.yaml"] = list.Bytes()
	return files, nil
}

// FileName is an object's in a base or chart, whatever its namespace.
func FileName(kind, name, namespace string) string {
	return strings.TrimSuffix(name, "-"+namespace) + "-" + strings.ToLower(kind) + ".yaml"
}
