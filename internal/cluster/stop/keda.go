package stop

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/wording"
)

// finalizer is by which KEDA holds its objects until it has done with them: a ScaledJob until it is no longer scaled.
const finalizer = "finalizer.keda.sh"

// heldByKEDA tells an object that only KEDA keeps from going.
func heldByKEDA(o kube.Object) bool {
	held, _ := o.At("metadata", "finalizers").([]any)
	return o.Deleting() && slices.Contains(held, any(finalizer))
}

// letGo takes KEDA's hold away from what is on its way out, where that was asked for.
func (r *run) letGo(ctx context.Context, all []kube.Object) error {
	for _, o := range all {
		if !r.Force || !heldByKEDA(o) {
			continue
		}
		held, _ := o.At("metadata", "finalizers").([]any)
		others := slices.DeleteFunc(slices.Clone(held), func(v any) bool { return v == finalizer })
		if _, err := r.Merge(ctx, o.Ref(), map[string]any{"metadata": map[string]any{"resourceVersion": o.Version(), "finalizers": others}}); err != nil {
			return err
		}
		if !r.gone[o.UID()] { // an earlier run has asked it to go
			r.result.Deleted++
			r.gone[o.UID()] = true
		}
	}
	return nil
}

// stuck says what to do about objects that do not go.
func stuck(all []kube.Object) (texts []string) {
	var others []kube.Object
	for _, o := range all {
		if !heldByKEDA(o) {
			others = append(others, o)
		}
	}
	if text := waitsForKEDA(all); text != "" {
		texts = append(texts, text)
	}
	if len(others) > 0 {
		texts = append(texts, fmt.Sprintf("deleted, but %s not go: %s; metadata.finalizers says who holds it", wording.Agree(len(others), "does", "do"), strings.Join(describe(others), ", ")))
	}
	return texts
}

// waitsForKEDA says which of the objects KEDA holds, and what to do about that; "": none.
func waitsForKEDA(all []kube.Object) string {
	var held []kube.Object
	for _, o := range all {
		if heldByKEDA(o) {
			held = append(held, o)
		}
	}
	if len(held) == 0 {
		return ""
	}
	return fmt.Sprintf("deleted, but held by KEDA, which has not let go (%s): %s. Start KEDA's operator and %s; where KEDA is gone for good, plumbline stop --force takes the hold away",
		finalizer, strings.Join(describe(held), ", "), wording.Agree(len(held), "it goes", "they go"))
}
