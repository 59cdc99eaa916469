package cli

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/scaler"
	"plumbline/internal/config"
	"plumbline/internal/gpu"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// shownStatus is what people see of a report that has come over the wire.
func shownStatus(t *testing.T, r controlReport) string {
	t.Helper()
	wire, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got controlReport
	if err := json.Unmarshal(wire, &got); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := got.write(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func lineWith(text, word string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			return strings.Join(strings.Fields(line), " ")
		}
	}
	return ""
}

// What the status does not know it shows as a dash, with the reason, and not as 0.
func TestStatusShowsUnknownAsUnknown(t *testing.T) {
	s := gpu.Snapshot{
		At: noon, Nodes: []gpu.Node{{Name: "nan", Ready: true, GPU: true}, {Name: "busy", Ready: true, GPU: true}},
		Samples: []gpu.Sample{{Node: "nan", At: noon, Invalid: "q says NaN"}, {Node: "busy", At: noon.Add(-3 * time.Second), Utilization: 0.9}},
	}
	in := scaler.Inputs{At: noon, ScaledJob: "worker", Trigger: scaler.Trigger{CapturesPerJob: 20, Rules: gpu.DefaultRules()}, Unknown: "hub: refused", Snapshot: s}
	hubAway := scaler.Decide(in)
	in.Blind = true
	blind := scaler.Decide(in)
	r := controlReport{
		At: noon, Namespace: "here", Placement: "gate", Problems: []string{"hub: refused"}, Nodes: nodesOf(s, gpu.Rank(s, gpu.DefaultRules())),
		Loads:   reading{From: "http://prometheus:9090", At: noon.Add(-4 * time.Second), Notes: []string{"no node is known for q"}},
		Scaling: []scaler.Decision{hubAway},
		ScaledJobs: []scaledJobReport{
			{Name: "worker", Now: &hubAway}, {Name: "blind", Now: &blind}, {Name: "wrong", Problem: "there is no topic"},
		},
	}
	r.Leading = true
	text := shownStatus(t, r)
	for word, want := range map[string]string{
		"namespace": "namespace here, placement gate, what waits is not known", "loads by": "loads by http://prometheus:9090, 4s ago",
		"NOTE": "NOTE no node is known for q", "PROBLEM": "PROBLEM hub: refused",
		"nan ": "nan - - - - 0 0 GPU sample says nothing: q says NaN", "busy ": "busy 90 % - 3s - 0 0 GPU at 90 %, threshold 80 %",
		"worker ": "worker 0 - 0 0 no Job, since not everything is known: hub: refused",
		"blind ":  "blind - - - 0 no Job, since not everything is known: hub: refused", "wrong ": "wrong - - - - there is no topic",
		"12:00:00": "12:00:00 worker - 0 no Job, since not everything is known: hub: refused",
	} {
		if got := lineWith(text, word); got != want {
			t.Errorf("the line of %q is\n%s, want\n%s", word, got, want)
		}
	}
	if got := backlogLine(r) + "; " + jobsLine(r); got != "what waits is not known; its Jobs are not known" {
		t.Errorf("deploy's screen says %s", got)
	}
	wire, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(wire), `"backlog":null`) || strings.Contains(string(wire), `"waiting":0`) {
		t.Errorf("%v: %s", err, wire)
	}
}

// Before the first look at the loads no node is called one without a GPU.
func TestLoadsThatWereNotReadYet(t *testing.T) {
	l := &loads{once: map[string]bool{}}
	s := gpu.Snapshot{At: noon, Nodes: []gpu.Node{{Name: "a", Ready: true}, {Name: "b", Ready: true, GPU: true}}}
	l.fill(&s)
	for _, n := range nodesOf(s, gpu.Rank(s, gpu.DefaultRules())) {
		if n.Reason != "its load was not read yet" {
			t.Errorf("%s: %s", n.Node, n.Reason)
		}
	}
	l.last.At = noon
	l.fill(&s)
	if r := nodesOf(s, gpu.Rank(s, gpu.DefaultRules())); r[0].Reason != "no GPU" {
		t.Errorf("after it: %s", r[0].Reason)
	}
}

// Whatever a file holds is decided again or refused with a sentence; nothing of it ends the program.
func FuzzReplay(f *testing.F) {
	rules, err := json.Marshal(gpu.DefaultRules())
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		`{"scaled_job":"x"}`, `{"pod":"x"}`, `{"decision":null}`, `[null,{}]`, `{"scaling":[null,{"scaled_job":"x","backlog":null}]}`, `[]`, `7`, ``,
		`{"scaled_job":"x","at":"2026-03-01T12:00:00Z","trigger":{"captures_per_job":1,"rules":` + string(rules) + `},"unknown":"y","snapshot":{"at":"2026-03-01T12:00:00Z"}}`,
		`{"scaled_job":"x","at":"2026-03-01T12:00:00Z","trigger":{"captures_per_job":1,"rules":` + string(rules) + `},"backlog":{"waiting":9},"jobs":[{}],"strategy":{"name":"custom","percentage":"NaN"},
			"snapshot":{"at":"2026-03-01T12:00:00Z","nodes":[{"name":"a","ready":true},{}],"samples":[{"node":"a"}],"machines":[{"node":"a"}],"workers":[{"node":"a"},{}]}}`,
		`{"placed":[{"decision":{"pod":"x","rules":` + string(rules) + `,"snapshot":{"at":"2026-03-01T12:00:00Z","nodes":[{"name":"a","ready":true,"gpu":true}],"samples":[{"node":"a","at":"2026-03-01T12:00:00Z"}]}}}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := recordedIn(text)
		if err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		for _, r := range all {
			if err == nil && (r.about() == "" || r.was()+r.is() == "") {
				t.Errorf("nothing is said of %s", text)
			}
		}
	})
}

// Each setting of the controller is told of in the documents for operators.
func TestControlsSettingsAreDocumented(t *testing.T) {
	var g grammar
	app, err := newParser(t.Context(), &g, &Process{})
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, page := range []string{"scaler", "gpu-load", "placement"} {
		one, err := os.ReadFile("../../docs/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		text += string(one)
	}
	settings := 0
	for _, c := range app.Model.Children {
		if c.Name != "control" {
			continue
		}
		for _, flag := range c.DefaultCmd.Flags {
			settings++
			if !strings.Contains(text, "`--"+flag.Name+"`") {
				t.Errorf("--%s stands in none of docs/scaler.md, gpu-load.md and placement.md", flag.Name)
			}
		}
	}
	if settings < 30 {
		t.Errorf("only %d settings are looked at", settings)
	}
}

// A trigger of another scaler is neither ours nor wrong; of several ours is the one by whose address KEDA asks.
func TestTriggersOfOtherScalersAreNotOurs(t *testing.T) {
	external := func(pairs ...string) kube.Trigger {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return kube.Trigger{Type: "external", Metadata: m}
	}
	foreign, ours := external("scalerAddress", "other:1", "topic", "x"), external("scalerAddress", "control:9402")
	wrong := external("scalerAddress", "control:9402", "treshold", "0.5")
	for name, c := range map[string]struct {
		s     kube.ScaledJob
		asked string
		want  map[string]string
	}{
		"none":                       {kube.ScaledJob{Triggers: []kube.Trigger{{Type: "cron"}}}, "", nil},
		"another's":                  {kube.ScaledJob{Triggers: []kube.Trigger{foreign}}, "", nil},
		"another's and ours":         {kube.ScaledJob{Triggers: []kube.Trigger{foreign, ours}}, "", ours.Metadata},
		"a wrong one that is gated":  {kube.ScaledJob{Gated: true, Triggers: []kube.Trigger{wrong}}, "", wrong.Metadata},
		"a wrong one, KEDA asked":    {kube.ScaledJob{Triggers: []kube.Trigger{foreign, wrong}}, "control:9402", wrong.Metadata},
		"KEDA asked by other means":  {kube.ScaledJob{Triggers: []kube.Trigger{foreign, ours}}, "gone:1", nil},
		"the only ScaledJob's wrong": {kube.ScaledJob{Name: "only", Triggers: []kube.Trigger{wrong}}, "", wrong.Metadata},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := scaler.New(scaler.Options{
				Defaults: scaler.Trigger{CapturesPerJob: 20, Rules: gpu.DefaultRules()},
				View:     func(string, string) (scaler.View, error) { return scaler.View{}, nil },
				Backlog:  func(context.Context) (scaler.Backlog, error) { return scaler.Backlog{}, nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			if c.asked != "" {
				if _, err := s.Decide(t.Context(), "", c.s.Name, map[string]string{"scalerAddress": c.asked}); err != nil {
					t.Fatal(err)
				}
			}
			k := &controller{config: &config.Control{ScaledJob: "only"}, scaler: s}
			got, ok := k.trigger(c.s)
			if diff := cmp.Diff(c.want, got); diff != "" && ok || ok != (c.want != nil) {
				t.Errorf("%v: %s", ok, diff)
			}
		})
	}
}
