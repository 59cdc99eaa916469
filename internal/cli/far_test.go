package cli_test

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"plumbline/internal/demo/people"
	"plumbline/internal/mqtt/device"
	"plumbline/internal/testkit/postgres"
	"plumbline/internal/testkit/slowlink"
)

// A database that is 50 ms away each way costs a hub no more than a fifth of its throughput: one hub, with a backlog, whose way to its
// database is short and long in turn.
func TestFarDatabaseCostsNoThroughput(t *testing.T) {
	const least = 0.8
	server := postgres.ForTest(t, postgres.Options{})
	link := slowlink.New(t, server.Address(), 0)
	t.Setenv("DATABASE_URL", strings.Replace(server.URL(server.NewDatabase(t)), server.Address(), link.Address(), 1))
	h := startHub(t, "--workers", "1")
	sent := keepBusy(t, h)
	h.until(20*time.Second, "a first row", func() bool { return h.metric("plumbline_record_rows_total") > 0 })
	near, far := compare(t, func(delay time.Duration) float64 { link.SetDelay(delay); return h.rate() }, least)
	if far < least*near {
		t.Errorf("far away %.1f pictures a second are recorded, here %.1f: less than %.0f %%", far, near, 100*least)
	}
	link.SetDelay(0)
	sent()
	h.drain()
	h.stop()
}

// compare takes the rates with a short and a long way in turn, and gives the median of each. Other work on the machine makes
// single rounds wrong: three must do, and up to nine may be had before the long way is called too slow.
func compare(t *testing.T, rate func(time.Duration) float64, least float64) (near, far float64) {
	const few, many = 3, 9
	var nears, fars []float64
	for round := 1; round <= few || round <= many && far < least*near; round++ {
		nears, fars = append(nears, rate(0)), append(fars, rate(50*time.Millisecond))
		near, far = median(nears), median(fars)
	}
	t.Logf("rows/s here %.1f, far away %.1f: %.0f %% (%.0f, %.0f)", near, far, 100*far/near, nears, fars)
	return near, far
}

// keepBusy sends pictures so that some always wait, until what it returns is called.
func keepBusy(t *testing.T, h *process) (end func()) {
	const enough = 150
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_, err := device.Send(t.Context(), device.Options{URL: "mqtt://" + h.mqtt, Device: "pi1", Form: device.Raw, Patience: time.Minute}, endless(h, enough, ending), nil)
		if err != nil {
			t.Errorf("sending: %v", err)
		}
	}()
	return func() { close(ending); <-ended }
}

func endless(h *process, enough int, ending <-chan struct{}) iter.Seq2[device.Picture, error] {
	all := people.People()
	return func(yield func(device.Picture, error) bool) {
		for n := 0; ; n++ {
			for n%50 == 0 && depthOf(h).Waiting > enough {
				select {
				case <-ending:
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
			select {
			case <-ending:
				return
			default:
			}
			if !yield(device.Picture{Name: fmt.Sprint(n), Bytes: all[n%len(all)].Picture}, nil) {
				return
			}
		}
	}
}

// rate is how many rows are written in a second. It is taken from one batch to another, since rows come by batches; and what
// the way before left under way has passed when it begins.
func (p *process) rate() float64 {
	p.t.Helper()
	const settling, window = 700 * time.Millisecond, 1200 * time.Millisecond
	runFor(settling)
	began, before := p.nextBatch()
	runFor(window)
	ended, after := p.nextBatch()
	return (after - before) / ended.Sub(began).Seconds()
}

func (p *process) nextBatch() (at time.Time, rows float64) {
	p.t.Helper()
	now := p.metric("plumbline_record_rows_total")
	for tooLate := time.Now().Add(10 * time.Second); ; {
		if rows = p.metric("plumbline_record_rows_total"); rows != now {
			return time.Now(), rows
		}
		if time.Now().After(tooLate) {
			p.t.Fatal("no rows are written any more")
		}
		runFor(5 * time.Millisecond)
	}
}

// metric is the value of a metric without labels.
func (p *process) metric(name string) float64 {
	p.t.Helper()
	for line := range strings.Lines(p.body("/metrics")) {
		if text, found := strings.CutPrefix(line, name+" "); found {
			value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return value
		}
	}
	p.t.Fatalf("no metric %s", name)
	return 0
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
