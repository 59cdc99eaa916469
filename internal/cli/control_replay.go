package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"plumbline/internal/cluster/scaler"
	"plumbline/internal/gpu"
	"plumbline/internal/wording"
)

// controlReplay makes recorded decisions again, offline.
type controlReplay struct {
	File string `arg:"" help:"What control status --json printed, or a list of decisions or a single one out of it; - reads standard input." placeholder:"FILE"`
}

// Help shows examples.
func (controlReplay) Help() string {
	return `Decisions are made again from the inputs in their records, by this binary's rules of ranking and arithmetic. The exit code is 1
when one comes out otherwise.

Examples:
  plumbline control status --json | plumbline control replay -
  plumbline control replay status.json`
}

func (c *controlReplay) Run(p *Process) error {
	in := p.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return misused(fmt.Errorf("reading decisions: %w", err))
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("reading decisions: %w", err)
	}
	all, err := recordedIn(text)
	if err != nil {
		return misused(err)
	}
	different := 0
	for _, r := range all {
		was, is := r.was(), r.is()
		verdict := "same"
		if was != is {
			verdict = "DIFFERENT"
			different++
		}
		fmt.Fprintf(p.Stdout, "%s  %s  %s\n  was  %s\n", verdict, r.at().UTC().Format(time.RFC3339), r.about(), was)
		if was != is {
			fmt.Fprintf(p.Stdout, "  is   %s\n", is)
		}
	}
	fmt.Fprintf(p.Stdout, "%d decisions, %d come out otherwise.\n", len(all), different)
	if different > 0 {
		return &exit{code: exitFailed}
	}
	return nil
}

// recorded is a decision of either kind.
type recorded interface {
	at() time.Time
	about() string
	was() string // its outcome, as recorded
	is() string  // as it comes out now
}

type recordedScaling struct{ *scaler.Decision }

func (r recordedScaling) at() time.Time { return r.At }
func (r recordedScaling) about() string { return "scaling " + r.Namespace + "/" + r.ScaledJob }
func (r recordedScaling) was() string   { return scalingOutcome(*r.Decision) }
func (r recordedScaling) is() string    { return scalingOutcome(r.Again()) }

func scalingOutcome(d scaler.Decision) string {
	return fmt.Sprintf("%d new, answered %d: %s", d.New, d.Answer, d.Because)
}

type recordedPlacement struct{ *gpu.Decision }

func (r recordedPlacement) at() time.Time { return r.Snapshot.At }
func (r recordedPlacement) about() string { return "placing " + r.Pod }
func (r recordedPlacement) was() string   { return r.outcome(*r.Decision) }
func (r recordedPlacement) is() string    { return r.outcome(r.Again()) }

func (recordedPlacement) outcome(d gpu.Decision) string {
	if d.Node == "" {
		return "no node: " + d.Explain()
	}
	return d.Explain()
}

// recordedIn finds the decisions in a report, a list, or a single record.
func recordedIn(text []byte) ([]recorded, error) {
	var all []recorded
	var list []json.RawMessage
	if json.Unmarshal(text, &list) != nil {
		list = []json.RawMessage{text}
	}
	for _, one := range list {
		found, err := decisionsIn(one)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no decision in it: give what plumbline control status --json printed")
	}
	return all, nil
}

// decisionsIn reads one object. What it is tell its fields.
func decisionsIn(text []byte) ([]recorded, error) {
	var kind struct {
		ScaledJob string            `json:"scaled_job"`
		Pod       string            `json:"pod"`
		Decision  json.RawMessage   `json:"decision"` // of a record of placement
		Scaling   []json.RawMessage `json:"scaling"`
		Placed    []json.RawMessage `json:"placed"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return nil, fmt.Errorf("reading decisions: %w", err)
	}
	switch {
	case kind.ScaledJob != "":
		var d scaler.Decision
		return []recorded{recordedScaling{&d}}, whole(text, &d, "scaling "+kind.ScaledJob)
	case kind.Decision != nil:
		return decisionsIn(kind.Decision)
	case kind.Pod != "":
		var d gpu.Decision
		return []recorded{recordedPlacement{&d}}, whole(text, &d, "placing "+kind.Pod)
	}
	var all []recorded
	for _, one := range append(kind.Scaling, kind.Placed...) {
		found, err := decisionsIn(one)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// whole reads a decision, and refuses one that lacks what it would be made from.
func whole(text []byte, d interface{ Validate() error }, about string) error {
	err := json.Unmarshal(text, d)
	if err == nil {
		err = d.Validate()
	}
	if err != nil {
		return fmt.Errorf("the record of %s can't be decided again: %s", about, wording.OneLine(err))
	}
	return nil
}
