//go:build linux

package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"plumbline/internal/cluster/kube"
	"plumbline/test/cluster/system"
)

// withoutKEDA: on a cluster where KEDA was never installed doctor and deploy say so, and nothing is made. What kubectl makes there of deploy's
// YAML, which is all but what KEDA defines, stop takes back.
func withoutKEDA(ctx context.Context, w *World) (err error) {
	kubeconfig, end, err := w.StartBare(ctx)
	defer func() { err = errors.Join(err, end()) }()
	if err != nil {
		return fmt.Errorf("a cluster without KEDA: %w", err)
	}
	d, err := w.deploymentOn(kubeconfig, "bare", "--image="+system.PlumblineImage, "--image-pull-policy=Never")
	if err != nil {
		return err
	}
	const missing = "KEDA is not installed"
	if err := d.onlyWrong(ctx, "keda", missing, "Install KEDA"); err != nil {
		return err
	}
	for _, c := range []struct{ args, says []string }{
		{nil, []string{missing, "Install KEDA", "the cluster is not fit yet", "Nothing was changed"}},
		{[]string{"--ignore-preflight"}, []string{missing, "ScaledJob", "Nothing was changed"}},
	} {
		if err := errors.Join(d.refused(ctx, c.says, c.args...), d.nothingMade(ctx)); err != nil {
			return err
		}
	}
	if err := d.stopSays(ctx, "Nothing of Plumbline's is in the namespace bare"); err != nil {
		return err
	}
	if err := d.halfMade(ctx); err != nil {
		return err
	}
	return d.stopSays(ctx, "Stopped:")
}

// onlyWrong wants doctor to find one thing wrong, and to say this of it.
func (d *deployment) onlyWrong(ctx context.Context, check string, says ...string) error {
	out, err := d.printed(ctx, "doctor", "--cluster", "--json", "--namespace="+d.namespace, "--prometheus="+system.PrometheusURL)
	if err == nil {
		return fmt.Errorf("plumbline doctor --cluster finds nothing wrong: %s", out)
	}
	var found struct {
		Findings []struct{ Check, State, Text, Do string }
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		return fmt.Errorf("plumbline doctor --cluster says %q: %w", out, err)
	}
	for _, f := range found.Findings {
		if (f.State == "wrong") != (f.Check == check) {
			return fmt.Errorf("plumbline doctor --cluster should find %s wrong, and nothing else, but: %s", check, out)
		}
		if f.Check == check && slices.ContainsFunc(says, func(text string) bool { return !strings.Contains(f.Text+f.Do, text) }) {
			return fmt.Errorf("plumbline doctor --cluster does not say %q of %s, but: %s", says, check, out)
		}
	}
	return nil
}

// halfMade lets kubectl make what it can of what deploy prints.
func (d *deployment) halfMade(ctx context.Context) error {
	text, err := d.printed(ctx, "deploy", append(d.settings, "--dry-run")...)
	if err != nil {
		return err
	}
	err = d.Kubectl(ctx, d.kubeconfig, text, "apply", "-f", "-")
	if err == nil || !strings.Contains(err.Error(), `no matches for kind "ScaledJob"`) {
		return fmt.Errorf("kubectl apply should complain that there is no ScaledJob, but: %w", err)
	}
	made, err := d.versions(ctx)
	if _, there := made[kube.Ref{Kind: "StatefulSet", Namespace: d.namespace, Name: "plumbline-hub"}]; err == nil && !there {
		err = fmt.Errorf("nothing to take back was made: %v", made)
	}
	return err
}

// stopSays must end well, say this, and leave nothing.
func (d *deployment) stopSays(ctx context.Context, text string, further ...string) error {
	out, err := d.run(ctx, "stop", append([]string{"--namespace=" + d.namespace, "--yes"}, further...)...)
	if err == nil && !strings.Contains(out, text) {
		err = fmt.Errorf("it does not say %q", text)
	}
	if err != nil {
		return fmt.Errorf("plumbline stop: %w: %s", err, out)
	}
	there, err := d.client.List(ctx, kube.Query{Kind: "Namespace", Fields: "metadata.name=" + d.namespace})
	if err == nil && len(there) > 0 {
		err = fmt.Errorf("the namespace %s is still there", d.namespace)
	}
	return errors.Join(err, d.nothingMade(ctx))
}
