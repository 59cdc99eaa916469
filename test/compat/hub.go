package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"plumbline/internal/demo/people"
	"plumbline/internal/mqtt/device"
	"plumbline/internal/testkit/child"
	"plumbline/internal/testkit/freeport"
)

// hub is a running hub of one version.
type hub struct {
	process          *child.Process
	mqtt, http, nats string
	data             string
}

// serve starts a hub; flags come after those that every hub gets. Workers join it at nats, unless that is empty.
func (p program) serve(ctx context.Context, data, nats string, flags ...string) (*hub, error) {
	h := &hub{data: data, nats: nats}
	for _, address := range []*string{&h.mqtt, &h.http} {
		var err error
		if *address, err = freeport.Address(); err != nil {
			return nil, err
		}
	}
	if nats != "" {
		flags = append(flags, "--listen-nats", nats)
	}
	cmd := exec.Command(p.path, append([]string{"serve", "--data", data, "--images-dir", filepath.Join(data, "pictures"), "--mqtt-listen", h.mqtt,
		"--http-listen", h.http, "--model", "lite", "--device", "cpu"}, flags...)...)
	var err error
	if h.process, err = child.StartCommand(p.folder, cmd); err != nil {
		return nil, err
	}
	return h, h.process.Says(ctx, "is ready.")
}

// send publishes pictures by name, and waits for their acknowledgements.
func (h *hub) send(ctx context.Context, names ...string) error {
	_, err := device.Send(ctx, device.Options{URL: "mqtt://" + h.mqtt, Device: "pi1", Form: device.Envelope}, pictures(names), nil)
	return err
}

func pictures(names []string) iter.Seq2[device.Picture, error] {
	all := people.People()
	return func(yield func(device.Picture, error) bool) {
		for i, name := range names {
			picture := all[i%len(all)].Picture
			if strings.HasPrefix(name, "broken") {
				picture = picture[:300]
			}
			if !yield(device.Picture{Name: name, Bytes: picture}, nil) {
				return
			}
		}
	}
}

type depth struct{ Waiting, Leased, Dead int }

func (h *hub) get(path string, into any) error {
	answer, err := http.Get("http://" + h.http + path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return json.NewDecoder(answer.Body).Decode(into)
}

// drained waits until nothing waits, and checks that each name has one row and that the broken are dead letters.
func (h *hub) drained(ctx context.Context, want []string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var d depth
	err := h.process.Answers(ctx, func() error {
		if err := h.get("/api/v1/queue", &d); err != nil {
			return err
		}
		if d.Waiting+d.Leased > 0 {
			return fmt.Errorf("%d wait, %d are leased", d.Waiting, d.Leased)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var list struct {
		Results []struct {
			Source string `json:"source_filename"`
		}
	}
	if err := h.get("/api/v1/results?limit=100", &list); err != nil {
		return err
	}
	rows, broken := map[string]int{}, 0
	for _, r := range list.Results {
		rows[r.Source]++
	}
	var wrong []error
	for _, name := range want {
		if strings.HasPrefix(name, "broken") {
			broken++
		} else if rows[name] != 1 {
			wrong = append(wrong, fmt.Errorf("%s has %d rows", name, rows[name]))
		}
	}
	if d.Dead != broken {
		wrong = append(wrong, fmt.Errorf("%d dead letters, want %d", d.Dead, broken))
	}
	return errors.Join(wrong...)
}

// takeOver lets one version leave pictures in every state, another go on with them, and a third look at the whole.
func takeOver(ctx context.Context, before, after, auditor program) error {
	data, err := os.MkdirTemp(before.folder, "data-")
	if err != nil {
		return err
	}
	steps := []struct {
		p       program
		workers string
		names   []string
		drain   bool
	}{
		{before, "1", []string{"analysed-1", "analysed-2", "broken-1"}, true},
		{before, "0", []string{"waiting-1", "waiting-2", "waiting-3", "broken-2"}, false},
		{after, "1", []string{"new-1"}, true},
		{auditor, "1", []string{"last-1"}, true},
	}
	var all []string
	for _, s := range steps {
		h, err := s.p.serve(ctx, data, "", "--workers", s.workers)
		if err != nil {
			if s.p == after && after != auditor {
				fmt.Printf("%s refuses the folder: %v\n", after.name, err)
				continue
			}
			return fmt.Errorf("starting %s: %w", s.p.name, err)
		}
		all = append(all, s.names...)
		if err := h.send(ctx, s.names...); err != nil {
			return err
		}
		if s.drain {
			if err := h.drained(ctx, all); err != nil {
				return fmt.Errorf("with %s: %w", s.p.name, err)
			}
		}
		if err := h.process.Stop(); err != nil {
			return err
		}
	}
	_, err = output(ctx, ".", auditor.path, "ledger", "--data", data)
	return err
}

// balances takes the ledger of a running hub, which must know as many pictures as were sent.
func (h *hub) balances(ctx context.Context, p program, sent int) error {
	said, err := output(ctx, ".", p.path, "ledger", "--http", "http://"+h.http, "--json")
	if err != nil {
		return fmt.Errorf("the ledger of %s: %w", p.name, err)
	}
	var total struct{ Accepted int }
	if err := json.Unmarshal([]byte(said), &total); err != nil {
		return err
	}
	if total.Accepted != sent {
		return fmt.Errorf("the ledger has %d pictures of %d", total.Accepted, sent)
	}
	return nil
}

// workFor lets one version's worker work for another's hub, until nothing waits.
func workFor(ctx context.Context, with, worker program) error {
	data, err := os.MkdirTemp(with.folder, "data-")
	if err != nil {
		return err
	}
	nats, err := freeport.Address()
	if err != nil {
		return err
	}
	h, err := with.serve(ctx, data, nats, "--workers", "0")
	if err != nil {
		return err
	}
	names := []string{"one", "two", "three", "broken-1"}
	if err := h.send(ctx, names...); err != nil {
		return err
	}
	_, err = output(ctx, ".", worker.path, append(working(h), "--hub-timeout", "30s", "--exit-when-idle", "3s")...)
	if err == nil {
		err = h.drained(ctx, names)
	}
	if err == nil {
		err = h.balances(ctx, with, len(names))
	}
	return errors.Join(err, h.process.Stop())
}

// working is the command line of a worker for a hub.
func working(h *hub) []string {
	return []string{"work", "--nats", "nats://" + h.nats, "--nats-token-file", filepath.Join(h.data, "nats-token"), "--model", "lite", "--device", "cpu", "--workers", "1"}
}

// upgrade replaces the hub below a worker that stays, with pictures waiting meanwhile.
func upgrade(ctx context.Context, before, after, worker program) (err error) {
	data, err := os.MkdirTemp(before.folder, "data-")
	if err != nil {
		return err
	}
	nats, err := freeport.Address()
	if err != nil {
		return err
	}
	var all []string
	var stays *child.Process
	for round, p := range []program{before, after} {
		h, err := p.serve(ctx, data, nats, "--workers", "0")
		if err != nil {
			return err
		}
		if stays == nil {
			if stays, err = child.Start(worker.folder, worker.path, working(h)...); err != nil {
				return errors.Join(err, h.process.Stop())
			}
			defer func() { err = errors.Join(err, stays.Stop()) }()
		}
		names := []string{fmt.Sprint("first-", round), fmt.Sprint("second-", round), fmt.Sprint("broken-", round)}
		all = append(all, names...)
		err = h.send(ctx, names...)
		if err == nil && round > 0 { // what came before may be in the worker's hands, or wait
			err = h.drained(ctx, all)
		}
		if err == nil && round > 0 {
			err = h.balances(ctx, p, len(all))
		}
		if err = errors.Join(err, h.process.Stop()); err != nil {
			return err
		}
	}
	return nil
}
