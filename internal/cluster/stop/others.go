package stop

import (
	"context"
	"fmt"

	"plumbline/internal/cluster/kube"
)

// What Helm writes on all that it makes, over whatever label a chart has.
const (
	managedBy = "app.kubernetes.io/managed-by"
	release   = "meta.helm.sh/release-name"
)

// notOthers refuses where somebody else runs Plumbline in the namespace. Pods, volume and Secrets are labelled as ours there, too, and
// taking those away would break what runs, and leave it.
func (r *run) notOthers(ctx context.Context) error {
	if r.Others == "" {
		return nil
	}
	for _, kind := range []string{"StatefulSet", "Deployment"} {
		all, err := r.List(ctx, kube.Query{Kind: kind, Namespace: r.Marks.Namespace, Labels: r.Others})
		if err != nil {
			return err
		}
		if len(all) == 0 {
			continue
		}
		o := all[0]
		what := "end it by what made it"
		if name := o.Annotations()[release]; name != "" {
			what = fmt.Sprintf("end it by helm uninstall %s --namespace %s", name, r.Marks.Namespace)
		}
		return fmt.Errorf("%s is managed by %q: %s; plumbline stop then removes the Secrets, and with --delete-data the volume. Nothing was stopped", o.Ref(), o.Labels()[managedBy], what)
	}
	return nil
}
