package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"plumbline/internal/cluster/scaler"
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
