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
)

// hub is a running hub of one version.
type hub struct {
	process          *child.Process
	mqtt, http, nats string
	data             string
}

// serve starts a hub; flags come after those that every hub gets.
func (p program) serve(ctx context.Context, data string, flags ...string) (*hub, error) {
	h := &hub{data: data}
	for _, address := range []*string{&h.mqtt, &h.http, &h.nats} {
		var err error
		if *address, err = child.FreeAddress(); err != nil {
			return nil, err
		}
	}
	for i, f := range flags {
		if f == "NATS" {
			flags[i] = h.nats
		}
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
		h, err := s.p.serve(ctx, data, "--workers", s.workers)
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

// workFor lets one version's worker work for another's hub.
func workFor(ctx context.Context, with, worker program) error {
	data, err := os.MkdirTemp(with.folder, "data-")
	if err != nil {
		return err
	}
	h, err := with.serve(ctx, data, "--workers", "0", "--listen-nats", "NATS")
	if err != nil {
		return err
	}
	names := []string{"one", "two", "three", "broken-1"}
	if err := h.send(ctx, names...); err != nil {
		return err
	}
	_, err = output(ctx, ".", worker.path, "work", "--nats", "nats://"+h.nats, "--nats-token-file", filepath.Join(data, "nats-token"),
		"--model", "lite", "--device", "cpu", "--workers", "1", "--hub-timeout", "30s", "--exit-when-idle", "3s")
	if err == nil {
		err = h.drained(ctx, names)
	}
	return errors.Join(err, h.process.Stop())
}
