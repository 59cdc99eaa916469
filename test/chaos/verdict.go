package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// verdict is what came of it.
type verdict struct {
	Seconds       float64 `json:"seconds"`
	WorkersKilled int     `json:"workers_killed"`
	HubsKilled    int     `json:"hubs_killed"`
	Acknowledged  int     `json:"acknowledged"`
	Rows          int     `json:"rows"`
	Lost          int     `json:"lost"`    // acknowledged, but neither a row nor a dead letter
	Doubled       int     `json:"doubled"` // more than one row
	Dead          int     `json:"dead"`
	Replayed      int     `json:"replayed"` // were dead letters, since a worker died with them again and again, until the end
	Ledger        ledger  `json:"ledger"`
}

// ledger is what `plumbline ledger --json` says.
type ledger struct {
	Accepted int `json:"accepted"`
	Recorded int `json:"recorded"`
	Waiting  int `json:"waiting"`
	Leased   int `json:"leased"`
	Dead     int `json:"dead"`
	Dropped  int `json:"dropped"`
	balanced bool
}

func (v verdict) String() string {
	return fmt.Sprintf(`%d pictures acknowledged, %d rows, %d dead letters in %.1f s (%.1f a second); killed: %d workers, %d hubs
lost %d, doubled %d, replayed %d; the ledger: %d accepted = %d recorded + %d waiting + %d leased + %d dead + %d dropped`,
		v.Acknowledged, v.Rows, v.Dead, v.Seconds, float64(v.Acknowledged)/v.Seconds, v.WorkersKilled, v.HubsKilled, v.Lost, v.Doubled, v.Replayed,
		v.Ledger.Accepted, v.Ledger.Recorded, v.Ledger.Waiting, v.Ledger.Leased, v.Ledger.Dead, v.Ledger.Dropped)
}

// complaint is what does not hold, or nil.
func (v verdict) complaint() error {
	var problems []error
	for what, bad := range map[string]bool{
		"pictures were lost":                                      v.Lost > 0,
		"pictures were recorded twice":                            v.Doubled > 0,
		"the ledger does not balance":                             !v.Ledger.balanced,
		"the ledger and the table tell different numbers of rows": v.Ledger.Recorded != v.Rows,
		"healthy pictures are dead letters":                       v.Dead > 0,
		"many healthy pictures had become dead letters":           v.Replayed > v.Acknowledged/50,
	} {
		if bad {
			problems = append(problems, errors.New(what))
		}
	}
	return errors.Join(problems...)
}

// judge compares what was acknowledged with the table, by the names that the devices gave.
func (s *system) judge(ctx context.Context, acknowledged map[string]bool, v *verdict) error {
	v.Acknowledged = len(acknowledged)
	rows, err := s.rowsBySource()
	if err != nil {
		return err
	}
	dead, err := s.deadSources(ctx)
	if err != nil {
		return err
	}
	v.Dead = len(dead)
	for name, count := range rows {
		v.Rows += count
		if count > 1 {
			v.Doubled++
		}
		delete(acknowledged, name)
	}
	for name := range dead {
		delete(acknowledged, name)
	}
	v.Lost = len(acknowledged)
	v.Ledger, _ = s.ledger(ctx) // what is wrong with it is told by the verdict
	return nil
}

// deadSources are the devices' names of the pictures among the dead letters.
func (s *system) deadSources(ctx context.Context) (map[string]bool, error) {
	out, err := s.ask(ctx, "dead", "list", "--json", "--data", s.data(0))
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for line := range strings.Lines(out) {
		var letter struct {
			Source string `json:"source_filename"`
		}
		if err := json.Unmarshal([]byte(line), &letter); err != nil {
			return nil, fmt.Errorf("dead list: %w", err)
		}
		names[letter.Source] = true
	}
	return names, nil
}

// ledger asks the command; its exit status says whether it balances, and the error what does not.
func (s *system) ledger(ctx context.Context) (ledger, error) {
	var l ledger
	out, unbalanced := s.ask(ctx, "ledger", "--json", "--data", s.data(0))
	l.balanced = unbalanced == nil
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		return l, errors.Join(fmt.Errorf("reading the ledger: %w", err), unbalanced)
	}
	if unbalanced != nil {
		return l, fmt.Errorf("%w: %s", unbalanced, out)
	}
	return l, nil
}
