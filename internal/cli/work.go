package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"plumbline/internal/config"
	"plumbline/internal/posture"
	"plumbline/internal/queue"
	"plumbline/internal/web"
	"plumbline/internal/wording"
)

type workCommand struct {
	config.Work `embed:""`
}

// Help shows examples.
func (workCommand) Help() string {
	return `Claims pictures of a hub on this or another machine, analyses them and hands the results in.

Examples:
  plumbline serve --workers 0 --listen-nats 0.0.0.0:4222             # the hub; it writes DATA/nats-token
  plumbline work --nats nats://hub:4222 --nats-token-file nats-token # with a copy of that file
  plumbline work … --exit-when-idle 10s                              # ends when nothing waits, as a Kubernetes Job`
}

func (c *workCommand) Run(ctx context.Context, p *Process, file *configFile) error {
	if err := c.Validate(); err != nil {
		return misused(err)
	}
	judge, err := judge(c.Judging, file, c.Model)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	w := &remote{config: &c.Work, log: newLog(p, c.Logging), registry: prometheus.NewRegistry(), stages: stages{fail: end}, leave: func() { end(errAsked) }}
	w.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	err = w.open(ctx, judge, end)
	if err == nil {
		fmt.Fprintf(p.Stdout, "Plumbline %s is working for %s: %s, model %s.\n", p.Version, queue.Server{URLs: c.NATS}, wording.Count(workers(c.Workers), "session"), c.Model)
		<-ctx.Done()
		w.log.Info("ending: pictures in hand are finished")
	}
	stopped := w.stages.stop()
	if w.worker.Load() != nil {
		fmt.Fprintln(p.Stdout, w.summary())
	}
	return w.outcome(ctx, err, stopped)
}

// remote is a worker in a process of its own.
//
//	hub --claims (NATS)--> line x N --results (NATS)--> hub
type remote struct {
	config   *config.Work
	log      *slog.Logger
	registry *prometheus.Registry
	stages   stages
	worker   atomic.Pointer[queue.Worker] // nil until it has joined
	watch    *idleWatch
	leave    func() // ends the worker in order, since its hub asks for it
}

// errIdle ends a worker that was told to end when nothing waits, errAsked one that its hub asks to end.
var (
	errIdle  = errors.New("nothing waits")
	errAsked = errors.New("the hub asks this worker to end")
)

func (w *remote) open(ctx context.Context, judge posture.Judge, end context.CancelCauseFunc) error {
	if err := w.openWeb(); err != nil {
		return err
	}
	w.watch = newIdleWatch(w.config.ExitWhenIdle)
	s := station{config: &w.config.Analysis, judge: judge, log: w.log, registry: w.registry, claimed: w.watch.touch}
	if err := s.start(&w.stages, func() (*queue.Worker, error) { return w.join(ctx) }); err != nil {
		return err
	}
	if w.config.ExitWhenIdle > 0 {
		w.watch.touch()
		w.stages.start("idle watch", func(ctx context.Context) error {
			w.watch.run(ctx, w.busy, func() { end(errIdle) })
			return nil
		})
	}
	return nil
}

func (w *remote) join(ctx context.Context) (*queue.Worker, error) {
	log := w.log.With("component", "queue")
	o := queue.JoinOptions{
		Name: w.config.Name, Node: w.config.Node, HubTimeout: w.config.HubTimeout, OnLeave: w.leave,
		AnalysisTimeout: w.config.AnalysisTimeout, OnHung: endHung(log), OnLost: w.stages.fail, Logger: log, Registerer: w.registry,
	}
	var err error
	if w.config.NATSTokenFile != "" {
		o.URL, o.TokenFile = w.config.NATS[0], w.config.NATSTokenFile
	} else if o.Outside, err = natsServer(&w.config.NATSServer); err != nil {
		return nil, err
	}
	worker, err := queue.Join(ctx, o)
	if err == nil {
		w.worker.Store(worker)
	}
	return worker, err
}

// busy says whether time without a claim proves nothing: there is a picture in hand, or no hub to ask.
func (w *remote) busy() bool {
	worker := w.worker.Load()
	return worker.InHand() > 0 || worker.Ready(context.Background()) != nil
}

// ready is what /readyz asks.
func (w *remote) ready(ctx context.Context) error {
	worker := w.worker.Load()
	if worker == nil {
		return errors.New("this worker has not joined its hub yet")
	}
	return worker.Ready(ctx)
}

// summary says what was done, from the worker's own metrics.
func (w *remote) summary() string {
	families, err := w.registry.Gather()
	if err != nil {
		return fmt.Sprintf("what was done can't be told: %v", err)
	}
	ends, took, analysed := map[string]float64{}, 0.0, 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			label := ""
			if len(m.GetLabel()) > 0 {
				label = m.GetLabel()[0].GetValue()
			}
			switch {
			case f.GetName() == "plumbline_captures_total":
				ends[label] = m.GetCounter().GetValue()
			case f.GetName() == "plumbline_step_duration_seconds" && label != "total":
				took += m.GetHistogram().GetSampleSum()
				if label == "detect" {
					analysed = float64(m.GetHistogram().GetSampleCount())
				}
			}
		}
	}
	text := wording.Count(int(ends["recorded"]), "picture") + " analysed and recorded"
	if analysed > 0 {
		text += fmt.Sprintf(", %.0f ms each", 1000*took/analysed)
	}
	if ends["buried"]+ends["failed"] > 0 {
		text += fmt.Sprintf("; %s, %.0f given back", wording.Count(int(ends["buried"]), "dead letter"), ends["failed"])
	}
	return text + "."
}

// openWeb serves health and metrics where that was asked for.
func (w *remote) openWeb() error {
	if w.config.HTTPListen == "" {
		return nil
	}
	_, err := healthListener{
		role: "worker", listen: w.config.HTTPListen, tokenFile: w.config.HTTPTokenFile, anonymous: w.config.HTTPAnonymous, registry: w.registry,
		checks: []web.Check{{Name: "hub", Ready: w.ready}}, log: w.log,
	}.start(&w.stages)
	return err
}

// outcome tells an orderly end from a failure. A capture of a newer format is none: a newer worker takes it.
func (w *remote) outcome(ctx context.Context, err, stopped error) error {
	if err == nil {
		err = context.Cause(ctx)
	}
	newer := new(queue.NewerFormatError)
	switch {
	case errors.Is(err, errIdle):
		w.log.Info("nothing could be claimed; this worker ends", "for", w.config.ExitWhenIdle)
	case errors.Is(err, errAsked):
		w.log.Info("the hub has asked this worker to leave; it ends")
	case errors.As(err, &newer):
		w.log.Warn("this worker ends without having touched the capture", "reason", newer)
		return nil // whatever else went wrong came of it
	case errors.Is(err, context.Canceled):
	default:
		return err
	}
	return stopped
}

// idleWatch notices that nothing could be claimed for a while.
type idleWatch struct {
	patience time.Duration
	touched  chan struct{}
}

func newIdleWatch(patience time.Duration) *idleWatch {
	return &idleWatch{patience: patience, touched: make(chan struct{}, 1)}
}

// touch says that there was something to do.
func (w *idleWatch) touch() {
	select {
	case w.touched <- struct{}{}:
	default:
	}
}

// run calls idle once there was nothing to do for the whole patience.
func (w *idleWatch) run(ctx context.Context, busy func() bool, idle func()) {
	const looks = 20 // at whether it is busy, within the patience
	for quiet := 0; quiet < looks; {
		select {
		case <-w.touched:
			quiet = 0
		case <-time.After(w.patience / looks):
			if quiet++; busy() {
				quiet = 0
			}
		case <-ctx.Done():
			return
		}
	}
	idle()
}
