package stop_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/stop"
)

func run(t *testing.T, c *town, change func(*stop.Options)) (stop.Result, error) {
	t.Helper()
	o := options
	if change != nil {
		change(&o)
	}
	return stop.Run(t.Context(), c, o)
}

func TestWorkersGoBeforeTheHubAndTheHubBeforeTheRest(t *testing.T) {
	c := deployed()
	c.slow["plumbline-work-1-a"] = 20 // finishes its picture
	var told []stop.Progress
	result, err := run(t, c, func(o *stop.Options) {
		o.Progress = func(p stop.Progress) {
			told = append(told, p)
			if slices.Contains(c.names(), "Pod plumbline-work-1-a") && slices.Contains(c.deleted, "StatefulSet plumbline-hub") {
				t.Error("the hub was told to end while a worker had a picture in hand")
			}
			if slices.Contains(c.names(), "Pod plumbline-hub-0") && slices.Contains(c.deleted, "Secret plumbline-nats-token") {
				t.Error("a Secret went before the hub")
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ConfigMap kube-root-ca.crt", "Namespace plumbline", "PersistentVolumeClaim data-plumbline-hub-0", "Secret plumbline-accounts", "ServiceAccount default"}
	if diff := cmp.Diff(want, c.names()); diff != "" {
		t.Errorf("what stays: %s", diff)
	}
	if len(result.Kept) != 2 || !strings.Contains(result.Kept[0], "data-plumbline-hub-0") || !strings.Contains(result.Kept[1], "Namespace plumbline") {
		t.Errorf("kept: %q", result.Kept)
	}
	if diff := cmp.Diff(map[string][]string{"main": {}, "second": {"other"}}, c.taints); diff != "" {
		t.Errorf("taints: %s", diff)
	}
	if !slices.ContainsFunc(told, func(p stop.Progress) bool {
		return p.Stage == stop.WorkersEnd && slices.Contains(p.Left, "Pod plumbline-work-1-a on node")
	}) {
		t.Errorf("nobody was told of the worker that is waited for: %v", told)
	}
	again(t, c)
}

// again must find nothing to do.
func again(t *testing.T, c *town) {
	t.Helper()
	plan, err := stop.Look(t.Context(), c, options)
	if err != nil || !plan.Empty() {
		t.Errorf("there is still something to do: %+v, %v", plan, err)
	}
	c.deleted = nil
	if _, err := run(t, c, nil); err != nil || len(c.deleted) > 0 {
		t.Errorf("again: %v, deleted %q", err, c.deleted)
	}
}

func TestWithItsDataNothingIsLeftButWhatOthersMade(t *testing.T) {
	c := deployed()
	if _, err := run(t, c, func(o *stop.Options) { o.DeleteData = true }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ConfigMap kube-root-ca.crt", "ServiceAccount default"}, c.names()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatOthersMadeStaysAndKeepsTheNamespace(t *testing.T) {
	c := deployed()
	c.add("ConfigMap", "others", foreign)
	result, err := run(t, c, func(o *stop.Options) { o.DeleteData = true })
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ConfigMap others", "Namespace plumbline"} {
		if !slices.Contains(c.names(), want) {
			t.Errorf("%s is gone", want)
		}
	}
	if len(result.Kept) != 1 || !strings.Contains(result.Kept[0], "ConfigMap others is in it") {
		t.Errorf("kept: %q", result.Kept)
	}
}

// An order that ended in the middle, or began in the middle of a deploy, is gone on with.
func TestHalfIsEnough(t *testing.T) {
	whole := deployed().names()
	for n := range whole {
		c := deployed()
		c.objects = slices.DeleteFunc(c.objects, func(o kube.Object) bool { return slices.Contains(whole[:n], o.Ref().String()) })
		if _, err := run(t, c, func(o *stop.Options) { o.DeleteData = true }); err != nil {
			t.Errorf("without %q: %v", whole[:n], err)
		}
		if left := slices.DeleteFunc(c.names(), func(name string) bool {
			return name == "ConfigMap kube-root-ca.crt" || name == "ServiceAccount default"
		}); len(left) > 0 {
			t.Errorf("without %q is left: %q", whole[:n], left)
		}
	}
}

func TestAScaledJobThatKEDAHoldsIsToldAndLetGoByForceOnly(t *testing.T) {
	c := deployed()
	c.noKEDA = true
	soon := func(o *stop.Options) { o.KEDATakes = time.Millisecond }
	_, err := run(t, c, soon)
	if err == nil || !strings.Contains(err.Error(), "stop --force") || !strings.Contains(err.Error(), "TriggerAuthentication plumbline-work") {
		t.Errorf("%v", err)
	}
	if !slices.Contains(c.names(), "ScaledJob plumbline-work") || slices.Contains(c.names(), "StatefulSet plumbline-hub") {
		t.Errorf("all but the ScaledJob goes: %q", c.names())
	}
	if _, err := run(t, c, func(o *stop.Options) { o.Force = true }); err != nil || slices.Contains(c.names(), "ScaledJob plumbline-work") || slices.Contains(c.names(), "TriggerAuthentication plumbline-work") {
		t.Errorf("by force: %v, %q", err, c.names())
	}
}

func TestAWorkerOnADeadNodeHoldsNothingUp(t *testing.T) {
	c := deployed()
	c.slow["plumbline-work-1-a"] = 1 << 30
	_, err := run(t, c, func(o *stop.Options) { o.Margin = 20 * time.Millisecond })
	if err == nil || !strings.Contains(err.Error(), "pictures come back") {
		t.Errorf("%v", err)
	}
	if slices.Contains(c.names(), "StatefulSet plumbline-hub") {
		t.Error("the hub still runs")
	}
}

func TestAnEndedContextSaysWhatIsLeft(t *testing.T) {
	c := deployed()
	c.slow["plumbline-work-1-a"] = 1 << 30
	ctx, cancel := context.WithCancelCause(t.Context())
	o := options
	o.Progress = func(p stop.Progress) {
		if p.Stage == stop.WorkersEnd {
			cancel(errors.New("it took too long"))
		}
	}
	_, err := stop.Run(ctx, c, o)
	if err == nil || !strings.Contains(err.Error(), "it took too long") || !strings.Contains(err.Error(), "plumbline-work-1-a on node") {
		t.Errorf("%v", err)
	}
	if slices.Contains(c.deleted, "StatefulSet plumbline-hub") {
		t.Error("the hub was told to end")
	}
}

// Whoever gives up while KEDA holds a ScaledJob is told so, whatever is waited for at that time.
func TestAnEndedContextSaysThatKEDAHoldsTheScaledJob(t *testing.T) {
	const hint = "held by KEDA, which has not let go (finalizer.keda.sh): ScaledJob plumbline-work. Start KEDA's operator and it goes; where KEDA is gone for good, plumbline stop --force"
	for name, c := range map[string]struct {
		at     stop.Stage
		noKEDA bool
		soon   time.Duration
		says   bool
	}{
		"while it is waited for": {stop.NoNewWorkers, true, time.Hour, true},
		"later":                  {stop.WorkersEnd, true, time.Nanosecond, true},
		"KEDA has let go":        {stop.WorkersEnd, false, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			town := deployed()
			town.noKEDA, town.slow["plumbline-work-1-a"] = c.noKEDA, 1<<30
			ctx, cancel := context.WithCancelCause(t.Context())
			o := options
			o.KEDATakes = c.soon
			o.Progress = func(p stop.Progress) {
				if p.Stage == c.at {
					cancel(errors.New("it took too long"))
				}
			}
			_, err := stop.Run(ctx, town, o)
			if err == nil || !strings.Contains(err.Error(), "it took too long; still there: ") || strings.Contains(err.Error(), hint) != c.says {
				t.Errorf("%v", err)
			}
		})
	}
}

// Number and verb go together.
func TestWhatIsSaidOfOneAndOfSeveral(t *testing.T) {
	for others, want := range map[string]string{"one": "ConfigMap one is in it", "one two": "ConfigMap one, ConfigMap two are in it"} {
		c := deployed()
		for name := range strings.FieldsSeq(others) {
			c.add("ConfigMap", name, foreign)
		}
		result, err := run(t, c, func(o *stop.Options) { o.DeleteData = true })
		if err != nil || !strings.HasSuffix(result.Kept[0], want) {
			t.Errorf("%q, %v", result.Kept, err)
		}
	}
	for name, c := range map[string]struct {
		town *town
		want string
	}{"one": {&town{}, "1 object deleted"}, "two": {&town{}, "2 objects deleted"}} {
		c.town.add("Service", "first")
		if name == "two" {
			c.town.add("Service", "second")
		}
		var told []string
		if _, err := run(t, c.town, func(o *stop.Options) { o.Progress = func(p stop.Progress) { told = append(told, p.Text) } }); err != nil || !slices.Contains(told, c.want) {
			t.Errorf("%s: %q, %v", name, told, err)
		}
	}
}

func TestThePlanSaysWhatGoesAndWhatStays(t *testing.T) {
	plan, err := stop.Look(t.Context(), deployed(), options)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"plumbline-work-1-a on node"}, plan.Workers); diff != "" {
		t.Errorf("workers: %s", diff)
	}
	if diff := cmp.Diff([]string{"main"}, plan.Tainted); diff != "" {
		t.Errorf("taints: %s", diff)
	}
	goes := func(kind, name string) bool {
		return slices.ContainsFunc(plan.Going, func(r kube.Ref) bool { return r.Kind == kind && r.Name == name })
	}
	if goes("PersistentVolumeClaim", "data-plumbline-hub-0") || goes("Secret", "plumbline-accounts") || goes("Namespace", "plumbline") {
		t.Errorf("what stays goes: %v", plan.Going)
	}
	if !goes("Job", "plumbline-work-1") || !goes("Lease", "plumbline-placement") || !goes("ClusterRole", "plumbline-control-plumbline") || goes("EndpointSlice", "plumbline-hub-x") {
		t.Errorf("goes: %v", plan.Going)
	}
	o := options
	o.DeleteData = true
	if plan, err = stop.Look(t.Context(), deployed(), o); err != nil || !goes("Namespace", "plumbline") || !goes("PersistentVolumeClaim", "data-plumbline-hub-0") || !goes("Secret", "plumbline-accounts") {
		t.Errorf("with the data: %v, %v", plan.Going, err)
	}
}

// Helm puts its own label on what it makes, but not on pods, volume and Secrets.
func TestWhatHelmRunsIsNotTouched(t *testing.T) {
	c := deployed()
	c.add("StatefulSet", "of-helm", set(map[string]any{"others": "yes"}, "metadata", "labels"), set(map[string]any{"meta.helm.sh/release-name": "posture"}, "metadata", "annotations"))
	o := options
	o.Others = "others=yes"
	_, looked := stop.Look(t.Context(), c, o)
	_, ran := stop.Run(t.Context(), c, o)
	for _, err := range []error{looked, ran} {
		if err == nil || !strings.Contains(err.Error(), "StatefulSet of-helm") || !strings.Contains(err.Error(), "helm uninstall posture --namespace plumbline") {
			t.Errorf("%v", err)
		}
	}
	if len(c.deleted) > 0 {
		t.Errorf("deleted all the same: %q", c.deleted)
	}
}
