// Package line is the line itself: it takes captures from the queue and carries each through its steps, in the order in
// which data passes: claim, decode, detect, measure, record (and, at the hub, announce), acknowledge.
//
// It knows the steps only by the small functions it is given and refuses to guess: a picture that cannot be decoded is
// buried with the reason, one whose analysis went wrong is given back and blamed, and nothing is acknowledged before the
// hub has recorded its result.
package line

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"plumbline/internal/posture"
)

// Claim is a capture under lease, as the queue hands it out. Exactly one of its endings is called.
type Claim interface {
	Capture() posture.Capture
	Acknowledge(ctx context.Context) error
	// Release gives the capture back in good order; Fail gives it back and counts against the capture.
	Release(ctx context.Context, why string) error
	Fail(ctx context.Context, why string) error
	// Bury ends the capture as a dead letter with its reason.
	Bury(ctx context.Context, why string) error
}

// Session is what one inference session brings: a decoder, a detector and a pen. It is used by one goroutine at a time,
// save Draw, which may run beside the next picture's Decode and Detect.
type Session struct {
	// Decode gives the frame to measure, which is the session's own until the next Decode and may lie in ground's memory, and fills
	// ground with the same picture for Draw.
	Decode func(picture []byte, ground *image.YCbCr) (*posture.Frame, error)
	Detect func(*posture.Frame) ([]posture.Pose, error)
	// Draw makes the picture to keep, a JPEG that the line owns; nil when no pictures are kept.
	Draw  func(ground *image.YCbCr, a posture.Assessment) ([]byte, error)
	Close func() error
}

// Line is everything that carries captures to results.
type Line struct {
	// Claim blocks until a capture waits or ctx ends.
	Claim func(ctx context.Context) (Claim, error)
	// NewSession is called once a worker.
	NewSession func() (*Session, error)
	Judge      posture.Judge
	// Record returns when the hub has committed picture and row. It is called again until it succeeds.
	Record      func(ctx context.Context, r posture.Result) error
	Workers     int           // inference sessions; each claims no more than it can hold
	Grace       time.Duration // how long captures in hand may take once Run is told to end
	Model       string
	ProcessedBy string
	Log         *slog.Logger
	Metrics     *Metrics // nil keeps none
	Now         func() time.Time
}

// What one session holds at most: one capture is inferred, one is drawn, and the others wait for the hub's commit, which takes
// some round trips to a database that may be far away: 46 results cover half a second at 90 pictures a second. Those that wait
// need their picture no more, so two grounds go round; that of a large picture is 10 MB and more.
const (
	inHandPerSession  = 48
	groundsPerSession = 2
)

// Run carries captures until ctx ends, then finishes what is in hand within Grace and gives the rest back.
func (l *Line) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for range l.Workers {
		group.Go(func() error {
			session, err := l.NewSession()
			if err != nil {
				return fmt.Errorf("opening an inference session: %w", err)
			}
			defer l.Metrics.opened()()
			return errors.Join(l.work(ctx, session), session.Close())
		})
	}
	return group.Wait()
}

// work is one session's loop. Grounds go round: decoding fills one, a finisher draws on it and puts it back.
func (l *Line) work(ctx context.Context, session *Session) error {
	inHand, cancel := graceful(ctx, l.Grace)
	defer cancel()
	grounds := make(chan *image.YCbCr, groundsPerSession)
	for range cap(grounds) {
		grounds <- new(image.YCbCr)
	}
	var finishing sync.WaitGroup
	defer finishing.Wait()
	hands := make(chan struct{}, inHandPerSession)
	pen := make(chan struct{}, 1) // one pen a session: Draw is not called twice at once
	for {
		hands <- struct{}{}
		ground := <-grounds
		claim, err := l.Claim(ctx)
		if err != nil {
			return endOfClaims(ctx, err)
		}
		result, ok := l.analyze(inHand, session, claim, ground)
		if !ok {
			grounds <- ground
			<-hands
			continue
		}
		finishing.Go(func() {
			defer func() { <-hands }()
			err := l.draw(session, pen, ground, &result)
			grounds <- ground
			if err != nil {
				l.setAside(inHand, claim, err)
				return
			}
			l.finish(inHand, claim, result)
		})
	}
}

func endOfClaims(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("claiming a capture: %w", err)
}

// graceful gives a context that outlives ctx by grace, so that what is in hand can be finished.
func graceful(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(late, func() { timer.Stop() })
	})
	return late, func() { stop(); cancel() }
}

// analyze decodes, detects and judges; ok is false where the capture has already found its end.
func (l *Line) analyze(ctx context.Context, s *Session, claim Claim, ground *image.YCbCr) (r posture.Result, ok bool) {
	capture := claim.Capture()
	started := l.Now()
	frame, err := s.Decode(capture.Picture, ground)
	if err != nil {
		l.setAside(ctx, claim, fmt.Errorf("decoding: %w", err))
		return r, false
	}
	decoded := l.Now()
	poses, err := s.Detect(frame)
	if err != nil {
		l.setAside(ctx, claim, fmt.Errorf("detecting: %w", err))
		return r, false
	}
	l.Metrics.analyzed(decoded.Sub(started), l.Now().Sub(decoded))
	return l.result(capture, frame, l.Judge.Assess(poses)), true
}

// setAside ends a claim whose analysis went wrong: a dead letter where the picture is at fault, else back to the queue with
// blame, which bounds how often that can happen.
func (l *Line) setAside(ctx context.Context, claim Claim, err error) {
	capture := claim.Capture()
	if permanent(err) {
		l.Log.Info("a picture cannot be analysed; it is a dead letter now", "capture", capture.ID, "device", capture.Device, "reason", err)
		l.end(capture, "bury", claim.Bury(ctx, err.Error()))
		l.Metrics.buried()
		return
	}
	l.Log.Error("an analysis went wrong; the capture is given back", "capture", capture.ID, "device", capture.Device, "error", err)
	l.end(capture, "give back", claim.Fail(ctx, err.Error()))
	l.Metrics.failed()
}

// draw adds the picture to the result.
func (l *Line) draw(s *Session, pen chan struct{}, ground *image.YCbCr, r *posture.Result) error {
	if s.Draw == nil {
		return nil
	}
	pen <- struct{}{}
	defer func() { <-pen }()
	started := l.Now()
	annotated, err := s.Draw(ground, r.Assessment)
	if err != nil {
		return fmt.Errorf("drawing the annotated picture: %w", err)
	}
	l.Metrics.drawn(l.Now().Sub(started))
	r.Annotated = annotated
	return nil
}

// finish records and acknowledges, in this order.
func (l *Line) finish(ctx context.Context, claim Claim, result posture.Result) {
	capture := claim.Capture()
	if err := l.record(ctx, result); permanent(err) {
		l.setAside(ctx, claim, fmt.Errorf("recording: %w", err))
		return
	} else if err != nil { // the end of the grace time
		l.end(capture, "release", claim.Release(context.WithoutCancel(ctx), "the worker ended before the hub recorded the result"))
		return
	}
	l.end(capture, "acknowledge", claim.Acknowledge(ctx))
	l.Metrics.recorded(l.Now().Sub(capture.ReceivedAt))
}

func (l *Line) result(c posture.Capture, f *posture.Frame, a posture.Assessment) posture.Result {
	return posture.Result{
		CaptureID: c.ID, Device: c.Device, Source: c.Source, ReceivedAt: c.ReceivedAt, TakenAt: c.TakenAt,
		AnalyzedAt: l.Now().UTC(), ProcessedBy: l.ProcessedBy, Model: l.Model,
		Width: f.Width, Height: f.Height, Assessment: a,
	}
}

// permanent says whether an error lies in the result itself, so that no repetition helps; such an error has a method that
// tells so.
func permanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

// record repeats until the hub has the result, can never have it, or ctx ends: a finished analysis is not thrown away because the hub or its
// database is down for a while.
func (l *Line) record(ctx context.Context, r posture.Result) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := l.Record(ctx, r)
		if err == nil || permanent(err) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.Log.Warn("the result is not recorded yet; trying again", "capture", r.CaptureID, "device", r.Device, "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end reports a claim whose ending could not be told to the queue. Its lease then runs out and the capture comes back.
func (l *Line) end(c posture.Capture, act string, err error) {
	if err != nil {
		l.Log.Error("the queue did not take a capture's end; it will be delivered again", "act", act, "capture", c.ID, "device", c.Device, "error", err)
	}
}
