package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"plumbline/internal/store/postgres"
)

// Pauses between attempts to reach a database that is away.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 10 * time.Second
)

// defaultPatience is how long a patient Open waits for the first attempt to end.
const defaultPatience = 15 * time.Second

// awayError is what every call returns until the database has been reached.
type awayError struct{ why error }

func (e *awayError) Error() string {
	return fmt.Sprintf("the database has not been reached yet: %v", e.why)
}

func (e *awayError) Unwrap() error { return e.why }

// errSilent is the reason while the first attempt goes on.
var errSilent = errors.New("there is no answer so far")

// connection is a database, or the way to one.
type connection struct {
	log    *slog.Logger
	open   func(context.Context) (database, error)
	cancel context.CancelFunc
	first  chan error    // the first attempt's end
	opened chan struct{} // closed when db is there
	ended  chan struct{} // closed when nobody tries any more

	mutex sync.Mutex
	db    database
	why   error // of the last attempt, nil before the first has ended
}

// opened is a connection to a database that is there.
func opened(db database) *connection {
	c := &connection{db: db, cancel: func() {}, opened: make(chan struct{}), ended: make(chan struct{})}
	close(c.opened)
	close(c.ended)
	return c
}

// connect begins to look for a database that may be away.
func connect(log *slog.Logger, open func(context.Context) (database, error)) *connection {
	ctx, cancel := context.WithCancel(context.Background())
	c := &connection{log: log, open: open, cancel: cancel, first: make(chan error, 1), opened: make(chan struct{}), ended: make(chan struct{})}
	go c.keepTrying(ctx)
	return c
}

// await waits for the first attempt, or until it takes too long; only a mistake is an error then.
func (c *connection) await(ctx context.Context, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-c.first:
		if err == nil || postgres.Unreachable(err) {
			return nil
		}
		return err
	case <-timer.C:
		c.missed(errSilent)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keepTrying opens the database, however long that takes. A mistake that shows only after the start stops nothing: pictures
// are safe in the queue, and the attempt after somebody mended it succeeds.
func (c *connection) keepTrying(ctx context.Context) {
	defer close(c.ended)
	db, err := c.open(ctx)
	c.first <- err
	if err != nil && postgres.Unreachable(err) { // else Open returns it, or has gone on, and the next attempt tells
		c.missed(err)
	}
	for pause := firstPause; err != nil; pause = min(2*pause, longestPause) {
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
			return
		}
		if db, err = c.open(ctx); err != nil && ctx.Err() == nil {
			c.missed(err)
		}
	}
	c.found(db)
}

func (c *connection) found(db database) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.why != nil {
		c.log.Info("the database has been reached")
	}
	c.db = db
	close(c.opened)
}

// missed logs a reason once, not at every attempt.
func (c *connection) missed(err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.why == nil || c.why.Error() != err.Error() {
		c.log.Error("the database cannot be used yet; results wait in the queue", "error", err)
	}
	c.why = err
}

// get is the database, or why there is none.
func (c *connection) get() (database, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.db == nil {
		return nil, &awayError{cmp.Or(c.why, errSilent)}
	}
	return c.db, nil
}

func (c *connection) close() error {
	c.cancel()
	<-c.ended
	if c.db == nil {
		return nil
	}
	return c.db.Close()
}
