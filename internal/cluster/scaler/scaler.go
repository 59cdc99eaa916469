// Package scaler tells KEDA how many Jobs to create: its ExternalScaler over gRPC. What is wanted is a number of new Jobs,
// decided by pure functions from what waits, who works and which nodes are fit (Decide); it is answered as the metric from
// which the ScaledJob's own strategy creates exactly those (Strategy.Answer).
//
// It refuses to do anything but answer: it creates, patches and deletes nothing, and does not say on which node a Job
// runs. What it does not know never starts a Job. docs/scaler.md is for operators.
package scaler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/gpu"
	"plumbline/internal/wording"
)

// ErrNoScaledJob says that the cluster's state has no such ScaledJob.
var ErrNoScaledJob = errors.New("no such ScaledJob")

// View is a ScaledJob and its surroundings, as the controller sees them in memory.
type View struct {
	Strategy Strategy
	Jobs     []Job        // unfinished ones
	Snapshot gpu.Snapshot // nodes, samples and workers; what waits is added
}

// Options are what a Scaler asks and tells.
type Options struct {
	Defaults Trigger // what a trigger's metadata leaves out
	// View looks at a ScaledJob without leaving the process; ErrNoScaledJob (wrapped or not) where there is none. Any other
	// error says that the cluster can't be seen, and then no Job is asked for.
	View func(namespace, name string) (View, error)
	// Backlog asks the hub; it must bound its own time.
	Backlog func(context.Context) (Backlog, error)

	Now        func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Scaler decides, and remembers its last decisions. It is safe for concurrent use.
type Scaler struct {
	o       Options
	log     *slog.Logger
	metrics *metrics
	backlog reader

	mu     sync.Mutex
	last   map[string]Decision // by namespace/name
	asked  map[string]question // by namespace/name: KEDA's last
	recent []Decision          // those that wanted Jobs or came out otherwise than the one before, the newest last
	told   map[string]string   // complaint that was logged last, by namespace/name
}

// remembered is how many decisions are kept for whoever asks why.
const remembered = 20

// New makes a Scaler; it does nothing by itself.
func New(o Options) (*Scaler, error) {
	if err := o.Defaults.Validate(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	s := &Scaler{o: o, log: o.Logger, metrics: m, last: map[string]Decision{}, asked: map[string]question{}, told: map[string]string{}}
	s.backlog = reader{read: o.Backlog, now: o.Now}
	return s, nil
}

// Decide decides for a ScaledJob with its trigger's metadata.
func (s *Scaler) Decide(ctx context.Context, namespace, name string, metadata map[string]string) (Decision, error) {
	key := namespace + "/" + name
	s.note(namespace, name, metadata)
	d, err := s.decide(ctx, namespace, name, metadata)
	if err != nil {
		s.metrics.failed(namespace, name)
		s.complain(key, wording.OneLine(err))
		return Decision{}, err
	}
	s.complain(key, d.Unknown)
	s.metrics.decided(d)
	s.remember(key, d)
	return d, nil
}

func (s *Scaler) decide(ctx context.Context, namespace, name string, metadata map[string]string) (Decision, error) {
	trigger, err := s.o.Defaults.With(metadata)
	if err != nil {
		return Decision{}, MetadataError{err}
	}
	backlog, unknown := s.backlog.get(ctx)
	if unknown != nil {
		backlog = nil
	}
	view, err := s.o.View(namespace, name) // after the backlog: a Job that came in between is seen
	switch {
	case errors.Is(err, ErrNoScaledJob):
		return Decision{}, fmt.Errorf("ScaledJob %s/%s: %w", namespace, name, err)
	case err != nil:
		unknown = errors.Join(unknown, fmt.Errorf("the cluster can't be seen: %w", err))
	}
	blind := err != nil
	in := Inputs{
		At: s.o.Now().UTC(), Namespace: namespace, ScaledJob: name, Trigger: trigger, Strategy: view.Strategy, Jobs: view.Jobs,
		Backlog: backlog, Blind: blind, Snapshot: view.Snapshot,
	}
	if unknown != nil {
		in.Unknown = wording.OneLine(unknown)
	}
	in.Snapshot.At = in.At
	if backlog != nil {
		in.Snapshot.Oldest = backlog.Oldest
	}
	return Decide(in), nil
}

// MetadataError is what a ScaledJob's author got wrong.
type MetadataError struct{ error }

func (e MetadataError) Unwrap() error { return e.error }

// complain logs a state once, and its end.
func (s *Scaler) complain(key, why string) {
	s.mu.Lock()
	before := s.told[key]
	s.told[key] = why
	s.mu.Unlock()
	switch {
	case why == before:
	case why == "":
		s.log.Info("the scaler knows again what it needs to know", "scaled_job", key)
	case before == "":
		s.log.Warn("the scaler asks for no Jobs", "scaled_job", key, "error", why)
	default:
		s.log.Debug("the scaler asks for no Jobs", "scaled_job", key, "error", why)
	}
}

func (s *Scaler) remember(key string, d Decision) {
	s.mu.Lock()
	before, ever := s.last[key]
	s.last[key] = d
	if !ever || d.New > 0 || before.New != d.New || before.kind() != d.kind() {
		s.recent = append(s.recent, d)
		s.recent = s.recent[max(0, len(s.recent)-remembered):]
	}
	s.mu.Unlock()
	if !ever || before.New != d.New {
		s.log.Info("decided", append([]any{"scaled_job", key, "new_jobs", d.New, "because", d.Because, "answer", d.Answer}, d.figures()...)...)
	}
}

// figures are those that are known, for the log.
func (d Decision) figures() (known []any) {
	if d.Backlog != nil {
		known = append(known, "waiting", d.Backlog.Waiting)
	}
	if !d.Blind {
		known = append(known, "unfinished", d.Unfinished, "free_slots", d.Free, "gated", d.Gated)
	}
	if d.Backlog != nil && !d.Blind {
		known = append(known, "unclaimed", d.Unclaimed)
	}
	return known
}

// Recent gives the last decisions that wanted Jobs or came out otherwise than the one before, the newest first.
func (s *Scaler) Recent() []Decision {
	s.mu.Lock()
	defer s.mu.Unlock()
	recent := slices.Clone(s.recent)
	slices.Reverse(recent)
	return recent
}

// Peek is what would be decided now; KEDA is not told, and nothing is remembered.
func (s *Scaler) Peek(ctx context.Context, namespace, name string, metadata map[string]string) (Decision, error) {
	return s.decide(ctx, namespace, name, metadata)
}

// reader reads the backlog at most five times a second, however many ask at the same time.
type reader struct {
	read func(context.Context) (Backlog, error)
	now  func() time.Time

	mu   sync.Mutex
	at   time.Time
	last *Backlog
	err  error
	seen map[string]time.Time // pods that had claimed, by when the hub last said so
}

const (
	readAgain = 200 * time.Millisecond
	// claimsKept is for how long it is remembered that a pod had claimed. The hub forgets a worker that fell silent; the Job of one
	// on a dead node stays unfinished for minutes, and is none from which a claim is to be expected.
	claimsKept = time.Hour
)

func (r *reader) get(ctx context.Context) (*Backlog, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.now(); r.at.IsZero() || now.Sub(r.at) >= readAgain {
		last, err := r.read(context.WithoutCancel(ctx)) // others wait for it too
		r.at, r.err = r.now(), err
		if err == nil {
			last.ReadAt, last.Claimed = r.at, r.claimed(last.Claimed)
			r.last = &last // decisions keep it: it is never changed
		}
	}
	return r.last, r.err
}

// claimed adds pods that the hub has forgotten to those that it names, by name; with mu held.
func (r *reader) claimed(named []string) []string {
	if r.seen == nil {
		r.seen = map[string]time.Time{}
	}
	for _, pod := range named {
		r.seen[pod] = r.at
	}
	maps.DeleteFunc(r.seen, func(_ string, last time.Time) bool { return r.at.Sub(last) > claimsKept })
	return append([]string{}, slices.Sorted(maps.Keys(r.seen))...)
}

// justDecided gives the decision that belongs to the poll under way.
func (s *Scaler) justDecided(namespace, name string, metadata map[string]string) (Decision, bool) {
	trigger, err := s.o.Defaults.With(metadata)
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.last[namespace+"/"+name]
	return d, ok && err == nil && d.Trigger == trigger && s.o.Now().Sub(d.At) < onePoll
}
