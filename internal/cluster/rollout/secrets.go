package rollout

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"plumbline/internal/cluster/kube"
)

// Secrets reads those of the names that exist.
func (r *Rollout) Secrets(ctx context.Context, names ...string) (map[string]kube.Object, error) {
	found := map[string]kube.Object{}
	for _, name := range names {
		o, there, err := r.Cluster.Get(ctx, kube.Ref{Kind: "Secret", Namespace: r.Marks.Namespace, Name: name})
		if err != nil {
			return nil, err
		}
		if there {
			found[name] = o
		}
	}
	return found, nil
}

// Keeping says whose word counts for a Secret's contents.
type Keeping struct {
	Given    []string   // what is wanted counts, where it says anything: it comes from outside
	Together [][]string // were made together, and are kept together or not at all
}

// Keep puts what the cluster has into the wanted Secrets: it was made once, and others know it by now. Only missing ones, and
// missing keys, are new. The wanted objects are changed.
func (k Keeping) Keep(set []kube.Object, live map[string]kube.Object) {
	for _, o := range set {
		was, there := live[o.Name()]
		if o.Kind() != "Secret" || !there || k.broken(o.Name(), set, live) {
			continue
		}
		data := dataOf(o)
		if !slices.Contains(k.Given, o.Name()) || len(data) == 0 {
			maps.Copy(data, dataOf(was))
		}
		o["data"] = data
	}
}

// broken tells whether one of those that belong together is missing, or a key of it.
func (k Keeping) broken(name string, set []kube.Object, live map[string]kube.Object) bool {
	for _, group := range k.Together {
		if !slices.Contains(group, name) {
			continue
		}
		for _, o := range set {
			if o.Kind() != "Secret" || !slices.Contains(group, o.Name()) {
				continue
			}
			was := dataOf(live[o.Name()])
			for key := range dataOf(o) {
				if _, there := was[key]; !there {
					return true
				}
			}
		}
	}
	return false
}

func dataOf(o kube.Object) map[string]any {
	if data, ok := o.At("data").(map[string]any); ok {
		return data
	}
	return map[string]any{}
}

// sealAnnotation, on a pod template, changes with the contents of the Secrets that its pods use.
const sealAnnotation = "plumbline/secrets"

// Seal lets the pods of StatefulSets and Deployments start again when the contents of their Secrets change, by an annotation of
// the template. It is a keyed hash, under the contents of the Secret of this name: whoever reads it cannot try passwords.
func Seal(set []kube.Object, live map[string]kube.Object, key string) error {
	known := map[string]kube.Object{}
	maps.Copy(known, live)
	for _, o := range set {
		if o.Kind() == "Secret" {
			known[o.Name()] = o
		}
	}
	if len(dataOf(known[key])) == 0 {
		return nil
	}
	for _, o := range set {
		if o.Kind() != "StatefulSet" && o.Kind() != "Deployment" {
			continue
		}
		hash := hmac.New(sha256.New, contents(known[key]))
		for _, name := range usedSecrets(o) {
			if s, there := known[name]; there {
				hash.Write([]byte(name + "\x00"))
				hash.Write(contents(s))
			}
		}
		if err := o.Set(hex.EncodeToString(hash.Sum(nil)[:8]), "spec", "template", "metadata", "annotations", sealAnnotation); err != nil {
			return err
		}
	}
	return nil
}

// contents are a Secret's, with its keys, in one.
func contents(secret kube.Object) (all []byte) {
	data := dataOf(secret)
	for _, key := range slices.Sorted(maps.Keys(data)) {
		text, _ := data[key].(string)
		all = append(all, key+"\x00"+text+"\x00"...)
	}
	return all
}

func usedSecrets(o kube.Object) (names []string) {
	for _, v := range o.List("spec", "template", "spec", "volumes") {
		names = append(names, v.Text("secret", "secretName"))
	}
	for _, c := range o.List("spec", "template", "spec", "containers") {
		for _, from := range c.List("envFrom") {
			names = append(names, from.Text("secretRef", "name"))
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}
