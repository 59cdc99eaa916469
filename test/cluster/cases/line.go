//go:build linux

package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"plumbline/test/cluster/system"
)

// pictureToRow is the whole way: picture, queue, KEDA, Job, gate, node, analysis, row, and back to no worker at all.
func pictureToRow(ctx context.Context, w *World) error {
	if err := w.load(ctx, map[string]float64{"real-1": 0.6, "real-2": 0.2}); err != nil {
		return err
	}
	if err := w.oneBy(ctx, "real-2"); err != nil {
		return err
	}
	pods, err := w.pods(ctx)
	if err != nil {
		return err
	}
	for _, p := range pods { // KEDA may have made one too many, which is placed elsewhere
		if p.Annotations["plumbline/node"] == "real-2" {
			err = w.said(ctx, p.Name, "Placed", placedText("real-2", "20", `next real-1: GPU at 60 %, measured \S+ ago`))
		}
	}
	if err != nil {
		return err
	}
	if err := hubScraped(ctx); err != nil {
		return err
	}
	start := time.Now()
	if err := w.backToZero(ctx); err != nil {
		return err
	}
	w.note("row to no worker: %.1f s", time.Since(start).Seconds())
	return nil
}

// hubScraped: Prometheus, which has no token, knows of rows by the hub's own metrics.
func hubScraped(ctx context.Context) error {
	return system.Await(ctx, slow, "Prometheus knows of rows", func(ctx context.Context) error {
		const query = "/api/v1/query?query=plumbline_record_rows_total"
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, system.PrometheusURL+query, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		var answer struct {
			Data struct{ Result []json.RawMessage }
		}
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			return err
		}
		if len(answer.Data.Result) == 0 {
			return errors.New("it has no metrics of the hub's")
		}
		return nil
	})
}

// reversed: what was right a moment ago is wrong now.
func reversed(ctx context.Context, w *World) error {
	for _, loads := range []map[string]float64{{"real-1": 0.6, "real-2": 0.2}, {"real-1": 0.2, "real-2": 0.6}} {
		if err := w.load(ctx, loads); err != nil {
			return err
		}
		best := "real-1"
		if loads["real-2"] < loads["real-1"] {
			best = "real-2"
		}
		if err := w.oneBy(ctx, best); err != nil {
			return err
		}
		if err := w.backToZero(ctx); err != nil {
			return err
		}
	}
	return nil
}

// oneBy publishes one picture and sees to it that this node processes it.
func (w *World) oneBy(ctx context.Context, node string) error {
	start := time.Now()
	device, err := w.publish(ctx, 1)
	if err != nil {
		return err
	}
	by, err := w.awaitRows(ctx, slow, device, 1)
	if err != nil {
		return err
	}
	w.note("publish to row: %.1f s", time.Since(start).Seconds())
	if by[node] != 1 {
		return fmt.Errorf("processed by %v, not by %s", by, node)
	}
	return nil
}

// burst: no more workers than the nodes have slots for, every picture one row, and both nodes at work.
func burst(ctx context.Context, w *World) error {
	const pictures = 200
	watched := w.watchJobs(ctx)
	start := time.Now()
	device, err := w.publish(ctx, pictures)
	if err != nil {
		return err
	}
	w.note("published within %.1f s", time.Since(start).Seconds())
	by, err := w.awaitRows(ctx, 3*slow, device, pictures)
	if err != nil {
		return err
	}
	w.note("all rows after %.1f s: %v", time.Since(start).Seconds(), by)
	if len(by) < 2 {
		return fmt.Errorf("only %v worked", by)
	}
	most, made := watched()
	w.note("%d Jobs in all, at most %d at a time", made, most)
	if most > len(w.Nodes)+1 { // KEDA itself may make one too many when a ScaledJob comes into being
		return fmt.Errorf("%d Jobs at a time for %d slots", most, len(w.Nodes))
	}
	return nil
}

// watchJobs notes how many Jobs there are, until it is asked.
func (w *World) watchJobs(ctx context.Context) func() (most, made int) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	seen, most := map[string]bool{}, 0
	before, _ := w.jobs(ctx)
	go func() {
		defer close(ended)
		system.Await(ctx, time.Hour, "the end", func(ctx context.Context) error { //nolint:errcheck // it never succeeds
			jobs, err := w.jobs(ctx)
			if err != nil {
				return err
			}
			for _, j := range jobs {
				seen[string(j.UID)] = true
			}
			most = max(most, unfinished(jobs))
			return errOngoing
		})
	}()
	return func() (int, int) {
		cancel()
		<-ended
		return most, len(seen) - len(before)
	}
}
