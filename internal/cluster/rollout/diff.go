package rollout

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/rogpeppe/go-internal/diff"
	"sigs.k8s.io/yaml"

	"plumbline/internal/cluster/kube"
)

// WriteDiff writes what would change as a unified diff of YAML. Of Secrets it shows which keys change, and no value.
func (p Plan) WriteDiff(w io.Writer) error {
	for _, s := range p.Steps {
		if s.Act != Create && s.Act != Change {
			continue
		}
		after := s.After
		if s.Act == Create { // with what the cluster fills in it would be longer, and part of that is made up anew each time
			after = s.Object
		}
		if err := writeDiff(w, s.Object.Ref(), bare(s.Before), bare(after)); err != nil {
			return err
		}
	}
	for _, o := range p.Leftovers {
		if err := writeDiff(w, o.Ref(), bare(o), nil); err != nil {
			return err
		}
	}
	for _, c := range p.Retaints {
		if err := writeDiff(w, c.Before.Taints().Ref(), c.Before.Taints(), c.After.Taints()); err != nil {
			return err
		}
	}
	return nil
}

func writeDiff(w io.Writer, r kube.Ref, before, after kube.Object) error {
	if r.Kind == "Secret" {
		hide(before, after)
	}
	was, err := text(before)
	if err != nil {
		return fmt.Errorf("comparing %s: %w", r, err)
	}
	is, err := text(after)
	if err != nil {
		return fmt.Errorf("comparing %s: %w", r, err)
	}
	_, err = w.Write(diff.Diff("live/"+r.Kind+"/"+r.Name, was, "new/"+r.Kind+"/"+r.Name, is))
	if err != nil {
		return fmt.Errorf("writing the difference: %w", err)
	}
	return nil
}

func text(o kube.Object) ([]byte, error) {
	if o == nil {
		return nil, nil
	}
	return yaml.Marshal(map[string]any(o))
}

// hide puts words in place of a Secret's values, which are equal where the values are.
func hide(before, after kube.Object) {
	was, is := maps.Clone(dataOf(before)), maps.Clone(dataOf(after))
	shown := func(o kube.Object, own, other map[string]any, word string) {
		if o == nil {
			return
		}
		data := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(own)) {
			if data[key] = word; own[key] == other[key] {
				data[key] = "(hidden)"
			}
		}
		o["data"] = data
	}
	shown(before, was, is, "(hidden: as it was)")
	shown(after, is, was, "(hidden: as it would be)")
}
