package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/config"
	"plumbline/internal/line"
	"plumbline/internal/posture"
	"plumbline/internal/queue"
)

// station is where captures become results, in the hub as in a worker elsewhere.
type station struct {
	config   *config.Analysis
	judge    posture.Judge
	log      *slog.Logger
	registry prometheus.Registerer
	claimed  func() // is told of each claim; may be nil
}

// start loads the models, then opens the worker, then claims.
func (s *station) start(st *stages, open func() (*queue.Worker, error)) error {
	rt, err := openInference(s.config.Inference, s.log)
	if err != nil {
		return err
	}
	st.closing("inference", rt.Close)
	worker, err := open()
	if err != nil {
		return fmt.Errorf("opening the worker: %w", err)
	}
	st.closing("worker", worker.Close)
	node, err := nodeName(s.config.Node)
	if err != nil {
		return err
	}
	c := s.config
	l := &line.Line{
		Claim:      func(ctx context.Context) (line.Claim, error) { return s.claim(worker.Claim(ctx)) },
		NewSession: sessionMaker(rt, limits(c.Limits), c.Precision, c.Pictures),
		Judge:      s.judge, Record: worker.HandIn, Workers: workers(c.Workers), Grace: c.StopGrace,
		Model: c.Model, ProcessedBy: node, Log: s.log.With("component", "line"), Metrics: line.NewMetrics(s.registry), Now: time.Now,
	}
	st.start("line", l.Run)
	return nil
}

// nodeName is where this process runs: as it was told, or else the host's name.
func nodeName(told string) (string, error) {
	if told != "" {
		return told, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("finding this machine's name (--node would tell it): %w", err)
	}
	return host, nil
}

// queuedClaim is the queue's claim in the line's words.
type queuedClaim struct{ *queue.Claim }

func (c queuedClaim) Capture() posture.Capture { return c.Claim.Capture }

func (s *station) claim(c *queue.Claim, err error) (line.Claim, error) {
	if err != nil {
		return nil, err
	}
	if s.claimed != nil {
		s.claimed()
	}
	return queuedClaim{c}, nil
}

// endHung ends the process when an analysis hangs: nothing else stops it.
func endHung(log *slog.Logger) func(capture string) {
	return func(capture string) {
		log.Error("an analysis hangs; the process ends so that the capture is taken up again", "capture", capture)
		os.Exit(exitFailed)
	}
}
