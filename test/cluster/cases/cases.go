//go:build linux

// Package cases are what the cluster wing must do, each tried on the cluster under test: something happens to it (a picture
// comes, loads change, a node dies), and what must follow is looked at from outside, in the database, the API and the API
// server's audit log. They share one cluster and one installation, one after the other; each leaves both as it found them.
package cases

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"
)

// Case is one thing that must hold.
type Case struct {
	Name  string
	Limit time.Duration
	Real  bool // needs real nodes
	Run   func(context.Context, *World) error
}

// Verdict is how a case went.
type Verdict struct {
	Case
	Took  time.Duration
	Notes []string // what was measured
	Err   error
}

// RunAll runs the cases whose names match, and says what became of each. It goes on after a failure: the next case begins
// with what it needs, or says that it could not.
func RunAll(ctx context.Context, w *World, only string, progress io.Writer) ([]Verdict, error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return nil, fmt.Errorf("which cases: %w", err)
	}
	var verdicts []Verdict
	for _, c := range all() {
		if !wanted.MatchString(c.Name) || c.Real && len(w.Nodes) == 0 {
			continue
		}
		if ctx.Err() != nil {
			return verdicts, fmt.Errorf("%d cases were done, then the time was over: %w", len(verdicts), ctx.Err())
		}
		v := w.try(ctx, c)
		verdicts = append(verdicts, v)
		fmt.Fprintln(progress, v)
	}
	if len(verdicts) == 0 {
		return nil, fmt.Errorf("no case matches %q", only)
	}
	return verdicts, nil
}

func (w *World) try(ctx context.Context, c Case) Verdict {
	start := time.Now()
	w.notes = nil
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	err := w.calm(ctx)
	if err == nil {
		w.mark = w.auditSize()
		err = errors.Join(c.Run(ctx, w), w.stillHolds(ctx))
	}
	return Verdict{c, time.Since(start), w.notes, err}
}

// String is a line, and further ones for what was measured and what went wrong.
func (v Verdict) String() string {
	word := "ok  "
	if v.Err != nil {
		word = "FAIL"
	}
	line := fmt.Sprintf("%s  %-62s %6.1f s", word, v.Name, v.Took.Seconds())
	for _, n := range v.Notes {
		line += "\n        " + n
	}
	if v.Err != nil {
		line += fmt.Sprintf("\n      %v", v.Err)
	}
	return line
}

// Complaint is nil when all went well.
func Complaint(verdicts []Verdict) error {
	failed := 0
	for _, v := range verdicts {
		if v.Err != nil {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d cases failed", failed, len(verdicts))
	}
	return nil
}
