//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"plumbline/internal/wording"
)

// sideBySide is how many cases there are at a time beside those on real nodes. Most of what they do is wait.
const sideBySide = 3

// RunAll runs the cases whose names match, and says what became of each. It goes on after a failure: the next case begins
// with what it needs, or says that it could not.
func RunAll(ctx context.Context, w *World, only string, progress io.Writer) ([]Verdict, error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return nil, fmt.Errorf("which cases: %w", err)
	}
	var chosen []Case
	for _, c := range all() {
		if wanted.MatchString(c.Name) && (!c.Place.real() || len(w.Nodes) > 0) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no case matches %q", only)
	}
	r := &runner{w: w, progress: progress, verdicts: make([]Verdict, len(chosen))}
	for first := 0; first < len(chosen); {
		next := endOfStage(chosen, first)
		r.stage(ctx, chosen, first, next)
		first = next
	}
	fmt.Fprintf(progress, "%s in %s\n", wording.Count(len(chosen), "case"), span(r.verdicts).Round(time.Second))
	return r.verdicts, nil
}

// endOfStage is where the stage ends that begins at first: a case that must be by itself is a stage, and so are all between two
// such.
func endOfStage(all []Case, first int) int {
	if all[first].Place.byItself() {
		return first + 1
	}
	next := first
	for next < len(all) && !all[next].Place.byItself() {
		next++
	}
	return next
}

type runner struct {
	w        *World
	mutex    sync.Mutex
	progress io.Writer
	verdicts []Verdict // in the order of the list
}

// stage runs a part of the list: those on real nodes one after the other, some of the rest beside them.
func (r *runner) stage(ctx context.Context, all []Case, first, next int) {
	var tracks errgroup.Group
	var others errgroup.Group
	others.SetLimit(sideBySide)
	tracks.Go(func() error {
		for i := first; i < next; i++ {
			if all[i].Place.real() {
				r.try(ctx, i, all[i])
			}
		}
		return nil
	})
	for i := first; i < next; i++ {
		if !all[i].Place.real() {
			others.Go(func() error { r.try(ctx, i, all[i]); return nil })
		}
	}
	tracks.Wait() //nolint:errcheck // a case's error is its verdict's
	others.Wait() //nolint:errcheck // likewise
}

func (r *runner) try(ctx context.Context, i int, c Case) {
	v := r.w.of(c).try(ctx, c)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.verdicts[i] = v
	fmt.Fprintln(r.progress, v)
}

// errTimeOver is the verdict of cases whose turn did not come.
var errTimeOver = errors.New("not begun: the time for all cases was over")

// of is the world of one case, with notes of its own.
func (w *World) of(c Case) *World {
	own := *w
	own.notes, own.installed = nil, c.Place.real()
	return &own
}

func (w *World) try(ctx context.Context, c Case) Verdict {
	v := Verdict{Case: c, Began: time.Now()}
	if ctx.Err() != nil {
		v.Err = errTimeOver
		return v
	}
	within, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	if v.Err = w.calm(within); v.Err == nil {
		w.mark = w.auditSize()
		v.Err = errors.Join(c.Run(within, w), w.stillHolds(within))
	}
	v.Took, v.Notes = time.Since(v.Began), w.notes
	if v.Err != nil {
		v.Look = w.picture(context.WithoutCancel(ctx), c.Name)
	}
	return v
}
