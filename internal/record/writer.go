package record

import (
	"context"
	"fmt"
	"sync"
	"time"

	"plumbline/internal/posture"
)

// grace is how long a batch, and then the listeners, may go on when Run is told to end.
const grace = 5 * time.Second

// Run records until ctx ends: the batch at work is finished, what waits is answered with ErrStopped, and the listeners hear
// of what was committed.
func (r *Recorder) Run(ctx context.Context) error {
	listening, silence := delayed(ctx, grace)
	defer silence()
	var listeners sync.WaitGroup
	for _, m := range r.mailboxes {
		listeners.Go(func() { m.deliver(listening) })
	}
	for batch := r.gather(ctx); batch != nil; batch = r.gather(ctx) {
		r.write(ctx, batch)
	}
	close(r.stopped)
	for _, m := range r.mailboxes {
		m.close()
	}
	listeners.Wait()
	return nil
}

// delayed is a context that ends some time after its parent.
func delayed(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		timer := time.AfterFunc(d, cancel)
		context.AfterFunc(ctx, func() { timer.Stop() })
	})
	return ctx, func() { stop(); cancel() }
}

// gather waits for a request and takes all others that wait too. It does not linger for more: while a batch is committed the
// next one gathers by itself, and a lone result is not delayed.
func (r *Recorder) gather(ctx context.Context) []*request {
	var batch []*request
	select {
	case <-ctx.Done():
		return nil
	case q := <-r.queue:
		batch = append(batch, q)
	}
	for len(batch) < r.o.MaxBatch {
		select {
		case q := <-r.queue:
			batch = append(batch, q)
		default:
			return batch
		}
	}
	return batch
}

// item is one capture of a batch with all who asked for it.
type item struct {
	result   posture.Result
	requests []*request
	err      error
}

func (r *Recorder) write(ctx context.Context, batch []*request) {
	slow, cancelSlow := delayed(ctx, grace)
	defer cancelSlow()
	attempt, cancel := context.WithTimeout(slow, r.o.Patience)
	defer cancel()
	items := collect(batch)
	fresh, news := r.setKnownAside(attempt, items)
	r.prepare(attempt, fresh)
	news = append(news, r.commit(attempt, withoutErrors(fresh))...)
	r.answer(items)
	for _, result := range news {
		r.metrics.devices.add(result)
		for _, m := range r.mailboxes {
			m.put(result)
		}
	}
}

// collect makes an item of each capture; who has gone meanwhile is left out.
func collect(batch []*request) []*item {
	var items []*item
	byID := map[string]*item{}
	for _, q := range batch {
		if q.ctx.Err() != nil {
			q.answer <- q.ctx.Err()
			continue
		}
		i := byID[q.result.CaptureID]
		if i == nil {
			i = &item{result: q.result}
			i.result.Filename = "" // it is the hub that stores, so it is the hub that says
			byID[q.result.CaptureID] = i
			items = append(items, i)
		}
		i.requests = append(i.requests, q)
	}
	return items
}

// setKnownAside takes out what has a row, so that a repetition does not touch its picture. A row that our own failed commit
// left is news all the same.
func (r *Recorder) setKnownAside(ctx context.Context, items []*item) (fresh []*item, news []posture.Result) {
	ids := make([]string, 0, len(items))
	for _, i := range items {
		ids = append(ids, i.result.CaptureID)
	}
	known, err := r.o.Rows.Recorded(ctx, ids)
	for _, i := range items {
		switch {
		case err != nil:
			i.err = fmt.Errorf("looking for its row: %w", err)
		case !known[i.result.CaptureID]:
			fresh = append(fresh, i)
		case i.tried():
			news = append(news, r.announced(i))
			r.metrics.rows.Inc()
		default:
			r.metrics.repeated.Inc()
		}
	}
	return fresh, news
}

func (i *item) tried() bool {
	for _, q := range i.requests {
		if q.tried {
			return true
		}
	}
	return false
}

// announced is the result as listeners get it.
func (r *Recorder) announced(i *item) posture.Result {
	result := i.result
	if r.keepsPicture(i) {
		result.Filename = r.o.Filename(result)
	}
	result.Annotated = nil
	return result
}

func (r *Recorder) keepsPicture(i *item) bool {
	return r.o.Pictures != nil && len(i.result.Annotated) > 0
}

// prepare journals and stores pictures, several at a time.
func (r *Recorder) prepare(ctx context.Context, items []*item) {
	start := time.Now()
	var writers sync.WaitGroup
	work := make(chan *item)
	for range min(r.o.PictureWriters, len(items)) {
		writers.Go(func() {
			for i := range work {
				i.err = r.prepareOne(ctx, i)
			}
		})
	}
	for _, i := range items {
		work <- i
	}
	close(work)
	writers.Wait()
	if len(items) > 0 {
		r.metrics.prepareSeconds.Observe(time.Since(start).Seconds())
	}
}

func (r *Recorder) prepareOne(ctx context.Context, i *item) error {
	first := i.requests[0]
	if r.keepsPicture(i) {
		i.result.Filename = r.o.Filename(i.result)
	}
	if first.prepared {
		return nil
	}
	if r.o.EnsureJournaled != nil {
		if err := r.o.EnsureJournaled(ctx, i.result.CaptureID); err != nil {
			return fmt.Errorf("journaling it: %w", err)
		}
	}
	if i.result.Filename != "" {
		if err := r.o.Pictures.Keep(ctx, i.result.Device, i.result.Filename, i.result.Annotated); err != nil {
			return err
		}
	}
	first.prepared = true
	return nil
}

func withoutErrors(items []*item) []*item {
	var good []*item
	for _, i := range items {
		if i.err == nil {
			good = append(good, i)
		}
	}
	return good
}

// commit writes the rows of all items and returns the new ones. Where a row can never be written the batch is halved until
// that row stands alone, so that it stops nobody else.
func (r *Recorder) commit(ctx context.Context, items []*item) []posture.Result {
	if len(items) == 0 {
		return nil
	}
	results := make([]posture.Result, 0, len(items))
	for _, i := range items {
		i.result.Annotated = nil
		results = append(results, i.result)
	}
	start := time.Now()
	added, err := r.o.Rows.Append(ctx, results)
	r.metrics.commitSeconds.Observe(time.Since(start).Seconds())
	switch {
	case err == nil:
		r.metrics.batchRows.Observe(float64(len(items)))
		r.metrics.rows.Add(float64(len(added)))
		r.metrics.repeated.Add(float64(len(items) - len(added)))
		return added
	case Permanent(err) && len(items) > 1:
		half := len(items) / 2
		return append(r.commit(ctx, items[:half]), r.commit(ctx, items[half:])...)
	}
	for _, i := range items {
		i.failCommit(err)
	}
	return nil
}

func (i *item) failCommit(err error) {
	i.err = err
	for _, q := range i.requests {
		q.tried = true
	}
}

// answer tells everybody who asked, and notes whether recording works.
func (r *Recorder) answer(items []*item) {
	var outage error
	for _, i := range items {
		switch {
		case i.err == nil:
		case Permanent(i.err):
			r.metrics.refused.Inc()
		default:
			outage = i.err
			r.metrics.failed.Inc()
		}
	}
	if len(items) > 0 {
		r.health.set(outage)
	}
	for _, i := range items {
		for _, q := range i.requests {
			q.answer <- i.err
		}
	}
}
