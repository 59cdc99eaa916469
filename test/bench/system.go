package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// system measures whole systems at work: pictures a second from MQTT to the committed row, on all cores.
func (b *bench) system(ctx context.Context) ([]figure, error) {
	var figures []figure
	for _, s := range []size{small, large} {
		what := "whole system, " + s.String()
		both := figure{what: what + ", PostgreSQL", unit: "pictures/s", wanted: 1.6}
		alone := figure{what: what + ", ours with SQLite", unit: "pictures/s", wanted: 1.6}
		for range b.rounds {
			peer, err := b.throughput(ctx, s, b.startPeer)
			if err != nil {
				return nil, fmt.Errorf("the Python system: %w", err)
			}
			withPostgres, err := b.throughput(ctx, s, b.startOurs)
			if err != nil {
				return nil, fmt.Errorf("plumbline with PostgreSQL: %w", err)
			}
			withSQLite, err := b.throughput(ctx, s, b.startAlone)
			if err != nil {
				return nil, fmt.Errorf("plumbline with SQLite: %w", err)
			}
			both.peer, both.ours = append(both.peer, peer), append(both.ours, withPostgres)
			alone.peer, alone.ours = append(alone.peer, peer), append(alone.ours, withSQLite)
		}
		figures = append(figures, both, alone)
	}
	return figures, nil
}

// memory measures the peak of one process with one session, after pictures of 1920x1080: of the landmark programs, and of
// the analysing process at work in the whole system, which in our case holds broker, queue, recorder and page too.
func (b *bench) memory(ctx context.Context) ([]figure, error) {
	what := fmt.Sprintf("VmHWM of one process, one session, %d pictures of %s", b.count, large)
	alone := figure{what: what + ", landmarks only", unit: "MB", lessIsMore: true, wanted: 2}
	atWork := figure{what: what + ", whole system", unit: "MB", lessIsMore: true, wanted: 2}
	passes := (b.count + len(b.sets[large]) - 1) / len(b.sets[large])
	for range b.rounds {
		peer, err := b.inProcess(ctx, large, passes, b.python, b.script("landmarks.py"))
		if err != nil {
			return nil, err
		}
		ours, err := b.inProcess(ctx, large, passes, b.options.landmarks)
		if err != nil {
			return nil, err
		}
		alone.peer, alone.ours = append(alone.peer, peer.peak), append(alone.ours, ours.peak)
		peerAtWork, err := b.peak(ctx, b.startPeer)
		if err != nil {
			return nil, err
		}
		oursAtWork, err := b.peak(ctx, b.startOurs)
		if err != nil {
			return nil, err
		}
		atWork.peer, atWork.ours = append(atWork.peer, peerAtWork), append(atWork.ours, oursAtWork)
	}
	return []figure{alone, atWork}, nil
}

// starter starts a system with a number of sessions; what it started before an error stands in running.
type starter func(ctx context.Context, r *running, sessions int) error

func (b *bench) throughput(ctx context.Context, s size, start starter) (float64, error) {
	var rate float64
	err := b.with(ctx, start, runtime.NumCPU(), func(r *running) (err error) {
		rate, err = b.load(ctx, r, s)
		return err
	})
	return rate, err
}

func (b *bench) peak(ctx context.Context, start starter) (float64, error) {
	var megabytes float64
	err := b.with(ctx, start, 1, func(r *running) (err error) {
		if _, err = b.load(ctx, r, large); err != nil {
			return err
		}
		megabytes, err = r.analyser().PeakMemory()
		return err
	})
	return megabytes, err
}

// with starts a system, does something with it, and ends it.
func (b *bench) with(ctx context.Context, start starter, sessions int, do func(*running) error) error {
	folder, err := os.MkdirTemp(b.folder, "system-")
	if err != nil {
		return err
	}
	r := &running{folder: folder}
	if err = start(ctx, r, sessions); err == nil {
		err = do(r)
	}
	return errors.Join(err, r.stop())
}

// load runs the load client and returns the pictures a second that it reports.
func (b *bench) load(ctx context.Context, r *running, s size) (float64, error) {
	args := []string{b.script("load.py"), "--broker", r.broker, "--rows", r.rows, "--count", strconv.Itoa(b.count),
		"--warm-up", "20"}
	client := exec.CommandContext(ctx, b.python, append(args, b.sets[s]...)...)
	var complaints strings.Builder
	client.Stderr = &complaints
	out, err := client.Output()
	if err != nil {
		return 0, fmt.Errorf("load client: %w: %s", err, complaints.String())
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}
