package stop

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/wording"
)

func (r *run) rolesEnd(ctx context.Context) (string, error) {
	n, err := r.removeKinds(ctx, "Deployment", "DaemonSet")
	if err != nil || n == 0 {
		return "", err
	}
	return "told to end", nil
}

// hubEnds waits for every pod, too: what they need to end in order (Services, rights, Secrets) goes after them.
func (r *run) hubEnds(ctx context.Context) (string, error) {
	n, err := r.removeKinds(ctx, "StatefulSet")
	if err != nil {
		return "", err
	}
	grace, err := r.grace(ctx, "")
	if err != nil {
		return "", err
	}
	left, err := r.await(ctx, grace, func(ctx context.Context) ([]kube.Object, error) { return r.pods(ctx, "") })
	if err != nil {
		return "", err
	}
	if len(left) > 0 {
		names := strings.Join(describe(left), ", ")
		r.result.Stuck = append(r.result.Stuck, names+wording.Agree(len(left), " does", " do")+" not end: where the node is gone for good, delete the node")
		return "gone on without " + names, nil
	}
	if n == 0 {
		return "", nil
	}
	return "ended, and every other pod", nil
}

// restGoes deletes what is left, in the reverse of the order in which it is needed, and waits until it is gone.
func (r *run) restGoes(ctx context.Context) (string, error) {
	before, waited := r.result.Deleted, false
	var held []kube.Object
	left, err := r.await(ctx, r.Margin, func(ctx context.Context) ([]kube.Object, error) {
		all, err := r.made(ctx)
		if err != nil {
			return nil, err
		}
		going, _ := r.divide(all)
		for _, o := range slices.Backward(going) {
			if err := r.remove(ctx, o, kube.Deletion{}); err != nil {
				return nil, err
			}
		}
		held = slices.DeleteFunc(slices.Clone(going), func(o kube.Object) bool { return !heldByKEDA(o) })
		if len(r.hung) > 0 { // there is no sense in waiting for it
			going = slices.DeleteFunc(going, heldByKEDA)
		}
		waited = waited || len(going) > 0
		return going, r.letGo(ctx, held)
	})
	if err != nil {
		return "", err
	}
	if len(r.hung) > 0 {
		left = append(left, held...)
	}
	r.result.Stuck = append(r.result.Stuck, stuck(left)...)
	switch n := r.result.Deleted - before; {
	case n > 0:
		return wording.Count(n, "object") + " deleted", nil
	case waited && len(left) == 0:
		return "gone", nil
	}
	return "", nil
}

// made lists what deploy made, and the Leases by which its controllers agree who places.
func (r *run) made(ctx context.Context) ([]kube.Object, error) {
	all, err := r.Made(ctx, r.Marks)
	if err != nil {
		return nil, err
	}
	leases, err := r.ofKind(ctx, "Lease")
	return append(all, leases...), err
}

// divide tells what goes with the rest from what has a stage of its own (namespace, claims) or stays with the data.
func (r *run) divide(all []kube.Object) (going, claims []kube.Object) {
	for _, o := range all {
		switch o.Kind() {
		case "PersistentVolumeClaim":
			claims = append(claims, o)
		case "Namespace":
		case "Job", "Pod":
		default:
			going = append(going, o)
		}
	}
	if len(claims) > 0 && !r.DeleteData {
		going = slices.DeleteFunc(going, func(o kube.Object) bool { return o.Kind() == "Secret" && slices.Contains(r.WithData, o.Name()) })
	}
	return slices.DeleteFunc(going, kube.Object.Owned), claims
}

func (r *run) taintsGo(ctx context.Context) (string, error) {
	nodes, err := r.Machines(ctx)
	if err != nil {
		return "", err
	}
	var lifted []string
	for _, n := range nodes {
		if !slices.Contains(n.TaintedFor, r.Marks.Namespace) {
			continue
		}
		was, err := r.Untaint(ctx, n.Name, r.Marks.Namespace)
		if err != nil {
			return "", err
		}
		if was && len(n.TaintedFor) == 1 { // else another installation wants it
			lifted = append(lifted, n.Name)
		}
	}
	if len(lifted) == 0 {
		return "", nil
	}
	return "lifted from " + strings.Join(lifted, ", "), nil
}

// dataGoes deletes the claims where that is wanted; what becomes of the volumes behind them, their class says.
func (r *run) dataGoes(ctx context.Context) (string, error) {
	claims, err := r.ofKind(ctx, "PersistentVolumeClaim")
	if err != nil || len(claims) == 0 {
		return "", err
	}
	if !r.DeleteData {
		r.result.Kept = append(r.result.Kept, strings.Join(describe(claims), ", ")+": what the hub has accepted is there, and the next deploy goes on with that (--delete-data removes it)")
		return "the volume stays", nil
	}
	left, err := r.await(ctx, r.Margin, func(ctx context.Context) ([]kube.Object, error) {
		claims, err := r.ofKind(ctx, "PersistentVolumeClaim")
		for _, o := range claims {
			if err := r.remove(ctx, o, kube.Deletion{}); err != nil {
				return nil, err
			}
		}
		return claims, err
	})
	if err != nil {
		return "", err
	}
	if len(left) > 0 {
		r.result.Stuck = append(r.result.Stuck, strings.Join(describe(left), ", ")+wording.Agree(len(left), " is", " are")+" deleted, but a pod still uses "+wording.Agree(len(left), "it", "them"))
	}
	return "the volume is deleted", nil
}

// namespaceGoes deletes the namespace if deploy made it and nothing is in it any more.
func (r *run) namespaceGoes(ctx context.Context) (string, error) {
	ours := func(ctx context.Context) ([]kube.Object, error) {
		return r.List(ctx, kube.Query{Kind: "Namespace", Labels: r.Marks.Everywhere, Fields: "metadata.name=" + r.Marks.Namespace})
	}
	all, err := ours(ctx)
	if err != nil || len(all) == 0 {
		return "", err
	}
	why, err := r.inhabited(ctx, nil)
	if err != nil {
		return "", err
	}
	if why != "" {
		r.result.Kept = append(r.result.Kept, "Namespace "+r.Marks.Namespace+": "+why)
		return "stays", nil
	}
	if err := r.remove(ctx, all[0], kube.Deletion{}); err != nil {
		return "", err
	}
	left, err := r.await(ctx, r.Margin, ours)
	if len(left) > 0 && err == nil {
		r.result.Stuck = append(r.result.Stuck, fmt.Sprintf("the namespace %s is deleted, but does not go: see kubectl get namespace %s -o yaml", r.Marks.Namespace, r.Marks.Namespace))
	}
	return "deleted", err
}

// inhabited says what keeps the namespace, besides what is going, or "".
func (r *run) inhabited(ctx context.Context, going []kube.Ref) (string, error) {
	all, unseen, err := r.Inside(ctx, r.Marks.Namespace)
	if err != nil {
		return "", err
	}
	var others []string
	for _, o := range all {
		if !everywhere(o) && !slices.Contains(going, o.Ref()) {
			others = append(others, o.Ref().String())
		}
	}
	switch {
	case len(others) > 0:
		return wording.List(others, 5) + " " + wording.Agree(len(others), "is", "are") + " in it", nil
	case len(unseen) > 0:
		return "whether these are in it may not be seen: " + strings.Join(unseen, ", "), nil
	}
	return "", nil
}

// everywhere tells what Kubernetes itself puts into each namespace, or what goes with its owner.
func everywhere(o kube.Object) bool {
	switch o.Kind() + " " + o.Name() {
	case "ConfigMap kube-root-ca.crt", "ServiceAccount default":
		return true
	}
	return o.Owned() || o.Kind() == "PodMetrics"
}
