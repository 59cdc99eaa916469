package scaler_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/scaler"
	"plumbline/internal/gpu"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// inputs are those of a cluster with so many idle nodes of one slot, and so many unfinished Jobs of each kind.
func inputs(waiting, nodes, working, unclaimed, gated int) scaler.Inputs {
	in := scaler.Inputs{
		At: noon, Namespace: "here", ScaledJob: "worker", Trigger: scaler.Trigger{CapturesPerJob: 20, Rules: gpu.DefaultRules()},
		Strategy: scaler.Strategy{Name: "default", Max: 100}, Backlog: &scaler.Backlog{Waiting: waiting},
	}
	in.Snapshot.At = noon
	for i := range nodes {
		name := fmt.Sprintf("free-%d", i)
		in.Snapshot.Nodes = append(in.Snapshot.Nodes, gpu.Node{Name: name, Ready: true, GPU: true})
		in.Snapshot.Samples = append(in.Snapshot.Samples, gpu.Sample{Node: name, Utilization: 0.1, At: noon})
	}
	for i := range working + unclaimed + gated {
		j := scaler.Job{Name: fmt.Sprintf("job-%d", i), Pods: []string{fmt.Sprintf("pod-%d", i)}}
		switch {
		case i < working:
			in.Backlog.Claimed = append(in.Backlog.Claimed, j.Pods[0])
		case i >= working+unclaimed:
			j.Gated, j.Pending = true, true
		}
		in.Jobs = append(in.Jobs, j)
	}
	return in
}

func TestDecide(t *testing.T) {
	for name, c := range map[string]struct {
		in          scaler.Inputs
		new, answer int
		because     string
	}{
		"nothing waits":             {inputs(0, 3, 0, 0, 0), 0, 0, "no Job: nothing waits"},
		"one picture":               {inputs(1, 3, 0, 0, 0), 1, 1, "1 Job for 1 waiting capture"},
		"as many as one Job takes":  {inputs(20, 3, 0, 0, 0), 1, 1, "1 Job for 20 waiting captures"},
		"one more":                  {inputs(21, 3, 0, 0, 0), 2, 2, "2 Jobs for 21 waiting captures"},
		"more than there is room":   {inputs(200, 3, 0, 0, 0), 3, 3, "3 Jobs of the 10 that 200 waiting captures would need: there is no room for more"},
		"some come already":         {inputs(45, 5, 0, 1, 1), 1, 3, "1 Job for 45 waiting captures"},
		"enough come already":       {inputs(30, 5, 0, 1, 1), 0, 0, "no Job more: 2 Jobs that claimed nothing yet will do for 30 waiting captures"},
		"those that work count not": {inputs(30, 5, 2, 0, 0), 2, 4, "2 Jobs for 30 waiting captures"},
		"room is promised":          {inputs(200, 2, 0, 0, 2), 0, 0, "no Job more: room for 2 Jobs is taken by 2 Jobs without a node yet"},
		"more promised than room":   {inputs(200, 1, 0, 0, 2), 0, 0, "no Job more: room for 1 Job is taken by 2 Jobs without a node yet"},
		"no node":                   {inputs(200, 0, 0, 0, 0), 0, 0, "no Job: no node is known"},
	} {
		t.Run(name, func(t *testing.T) {
			d := scaler.Decide(c.in)
			if d.New != c.new || d.Answer != c.answer || d.Because != c.because {
				t.Errorf("%d new Jobs, answered %d: %s\nwant %d, %d: %s", d.New, d.Answer, d.Because, c.new, c.answer, c.because)
			}
		})
	}
}

// The fallback's nodes count as room once the oldest capture has waited long enough, as they do for placement.
func TestFallbackMakesRoom(t *testing.T) {
	in := inputs(5, 0, 0, 0, 0)
	in.Snapshot.Nodes = []gpu.Node{{Name: "cpu", Ready: true}}
	in.Snapshot.Machines = []gpu.Machine{{Node: "cpu", CPU: 0.1, Memory: 0.1, At: noon}}
	in.Trigger.Rules.Fallback = gpu.FallbackCPU
	in.Snapshot.Oldest = noon.Add(-time.Minute)
	if d := scaler.Decide(in); d.New != 0 {
		t.Errorf("%d new Jobs before it is time: %s", d.New, d.Because)
	}
	in.Snapshot.Oldest = noon.Add(-3 * time.Minute)
	if d := scaler.Decide(in); d.New != 1 {
		t.Errorf("%d new Jobs when it is time: %s", d.New, d.Because)
	}
}

// A decision that went through JSON is made again to the same end, and never asks for more than there is room or work.
func TestDecisionIsMadeAgainFromItsRecord(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		in := inputs(r.IntN(300), r.IntN(8), r.IntN(4), r.IntN(4), r.IntN(4))
		for i := range in.Snapshot.Samples {
			in.Snapshot.Samples[i].Utilization = r.Float64()
			in.Snapshot.Samples[i].At = noon.Add(-time.Duration(r.IntN(90)) * time.Second)
		}
		if r.IntN(10) == 0 {
			in.Unknown = "the hub is away"
		}
		d := scaler.Decide(in)
		if d.New < 0 || d.New > max(0, d.Free-d.Gated) || d.New > d.Needed || d.Unknown != "" && d.New > 0 {
			t.Fatalf("%d new Jobs with %d free, %d gated, %d needed: %s", d.New, d.Free, d.Gated, d.Needed, d.Because)
		}
		text, err := json.Marshal(d)
		must(t, err)
		var read scaler.Decision
		must(t, json.Unmarshal(text, &read))
		if again := read.Again(); !again.Same(d) {
			t.Fatalf("made again: %s", cmp.Diff(d, again))
		}
	}
}

func TestRecordHasEverything(t *testing.T) {
	text, err := json.Marshal(scaler.Decide(inputs(45, 2, 1, 0, 0)))
	must(t, err)
	for _, field := range []string{
		`"scaled_job":"worker"`, `"captures_per_job":20`, `"threshold":0.8`, `"strategy":{"name":"default"`, `"waiting":45`, `"claimed":["pod-0"]`,
		`"unfinished":1`, `"unclaimed":0`, `"needed":3`, `"free":2`, `"new":2`, `"answer":3`, `"candidates":[{"node":"free-0"`, `"because":"2 Jobs of the 3`,
	} {
		if !strings.Contains(string(text), field) {
			t.Errorf("%s is not in %s", field, text)
		}
	}
}
