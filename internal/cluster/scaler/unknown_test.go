package scaler_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/cluster/scaler"
	"plumbline/internal/gpu"
)

// shown gives the names of the series of a ScaledJob's gauges, with their state.
func shown(t *testing.T, r *prometheus.Registry) []string {
	t.Helper()
	families, err := r.Gather()
	must(t, err)
	var all []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "plumbline_scaler_")
			for _, l := range m.GetLabel() {
				if l.GetName() == "state" {
					name += " " + l.GetValue()
				}
			}
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// What is not known is absent from metrics and records, not 0, and comes back.
func TestUnknownIsAbsent(t *testing.T) {
	w := &world{waiting: 45, nodes: map[string]float64{"a": 0.1}, jobs: []scaler.Job{{Name: "one", Gated: true}}}
	r := prometheus.NewRegistry()
	s, err := scaler.New(scaler.Options{
		Defaults: scaler.Trigger{CapturesPerJob: 20, Rules: gpu.DefaultRules()}, View: w.view, Backlog: w.backlog, Registerer: r,
		Now: func() time.Time { w.change(func(w *world) { w.clock = w.clock.Add(time.Second) }); return w.clock },
	})
	must(t, err)
	always := []string{"answer", "answers_total", "failures_total", "known", "new_jobs"}
	ofHub := []string{"needed_jobs"}
	ofCluster := []string{"free_slots", "jobs gated", "jobs pending", "jobs unfinished", "nodes candidate", "nodes refused"}
	both := []string{"jobs unclaimed"}
	look := func(name string, wanted []string, lacking ...string) {
		t.Helper()
		d, err := s.Decide(t.Context(), "here", "worker", nil)
		must(t, err)
		slices.Sort(wanted)
		if diff := cmp.Diff(wanted, shown(t, r)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		text, err := json.Marshal(d)
		must(t, err)
		var record map[string]any
		must(t, json.Unmarshal(text, &record))
		for _, key := range []string{"needed", "unclaimed", "free", "gated", "unfinished", "pending"} {
			if _, there := record[key]; there == slices.Contains(lacking, key) {
				t.Errorf("%s: %s is there: %v", name, key, there)
			}
		}
		if hub := !slices.Contains(lacking, "needed"); (record["backlog"] != nil) != hub {
			t.Errorf("%s: backlog is %v", name, record["backlog"])
		}
		var again scaler.Decision
		must(t, json.Unmarshal(text, &again))
		if !again.Again().Same(d) {
			t.Errorf("%s: made again it is %+v", name, again.Again())
		}
	}
	all := slices.Concat(always, ofHub, ofCluster, both)
	look("all is known", all)
	w.change(func(w *world) { w.hub = errors.New("connection refused") })
	look("the hub is away", slices.Concat(always, ofCluster), "needed", "unclaimed")
	w.change(func(w *world) { w.hub, w.away = nil, errors.New("nodes were not read yet") })
	look("the cluster is away", slices.Concat(always, ofHub), "unclaimed", "free", "gated", "unfinished", "pending")
	w.change(func(w *world) { w.away = nil })
	look("all is known again", all)
}

// What KEDA asked about and is gone leaves no figures; its counters stay for as long as KEDA may still ask.
func TestAScaledJobThatIsGoneLeavesNoMetrics(t *testing.T) {
	w := &world{waiting: 45, nodes: map[string]float64{"a": 0.1}, clock: time.Now()}
	r := prometheus.NewRegistry()
	s, err := scaler.New(scaler.Options{
		Defaults: scaler.Trigger{CapturesPerJob: 20, Rules: gpu.DefaultRules()}, View: w.view, Backlog: w.backlog, Registerer: r,
		Now: func() time.Time { return w.clock },
	})
	must(t, err)
	_, err = s.Decide(t.Context(), "here", "worker", map[string]string{"scalerAddress": "control:9402"})
	must(t, err)
	if by, asked := s.Asked("here", "worker"); by != "control:9402" || !asked {
		t.Errorf("KEDA asked by %q, %v", by, asked)
	}
	before := len(shown(t, r))
	w.away = errors.New("the watch broke")
	if s.Sweep(); len(shown(t, r)) != before {
		t.Error("a cluster that can't be seen has lost its ScaledJob")
	}
	w.away, w.gone = nil, true
	s.Sweep()
	if diff := cmp.Diff([]string{"answers_total", "failures_total"}, shown(t, r)); diff != "" {
		t.Error(diff)
	}
	w.clock = w.clock.Add(10 * time.Minute)
	if s.Sweep(); len(shown(t, r)) != 0 {
		t.Errorf("%v are still there", shown(t, r))
	}
	if _, asked := s.Asked("here", "worker"); asked {
		t.Error("it is not forgotten")
	}
}

// A record that lacks what a decision is made from is told of, and not decided.
func TestIncompleteRecordsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*scaler.Inputs)
		says   string
	}{
		"whole":             {func(*scaler.Inputs) {}, ""},
		"the hub was away":  {func(in *scaler.Inputs) { in.Backlog, in.Unknown = nil, "connection refused" }, ""},
		"no trigger":        {func(in *scaler.Inputs) { in.Trigger = scaler.Trigger{} }, "0 captures"},
		"no rules":          {func(in *scaler.Inputs) { in.Trigger.Rules = gpu.Rules{} }, "policy"},
		"too many slots":    {func(in *scaler.Inputs) { in.Trigger.Rules.Slots = 1 << 60 }, "slots"},
		"no time":           {func(in *scaler.Inputs) { in.Snapshot.At = time.Time{} }, "when it was made"},
		"no backlog":        {func(in *scaler.Inputs) { in.Backlog = nil }, "backlog"},
		"less than nothing": {func(in *scaler.Inputs) { in.Backlog.Waiting = -5 }, "-5 captures"},
	} {
		in := inputs(35, 2, 1, 0, 0)
		c.change(&in)
		if err := in.Validate(); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		if c.says != "no backlog" && in.Trigger.CapturesPerJob > 0 && in.Trigger.Rules.Slots < 1e6 {
			_ = scaler.Decide(in) // in no case a panic
		}
	}
}
