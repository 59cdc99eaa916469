package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// patience is how long nothing may move while pictures wait.
const patience = 2 * time.Minute

// drain waits until every picture has its row or its dead letter. Whether they are the right ones is judged later.
func (s *system) drain(ctx context.Context) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	most, moved := -1, time.Now()
	for {
		l, err := s.ledger(ctx) // unbalanced, or without an answer, while a hub is away
		settled := l.Recorded + l.Dead + l.Dropped
		switch {
		case settled >= s.options.pictures && l.Waiting+l.Leased == 0:
			return nil
		case settled > most:
			most, moved = settled, time.Now()
		case time.Since(moved) > patience:
			return errors.Join(fmt.Errorf("only %d of %d pictures were settled, and nothing moved for %s", settled, s.options.pictures, patience), err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// replay puts the dead letters back now that nobody dies any more, and waits until they are through.
func (s *system) replay(ctx context.Context) (int, error) {
	dead, err := s.deadSources(ctx)
	if err != nil || len(dead) == 0 {
		return 0, err
	}
	if _, err := s.ask(ctx, "dead", "replay", "--all", "--data", s.data(0)); err != nil {
		return 0, err
	}
	return len(dead), s.drain(ctx)
}

// rowsBySource counts the table's rows by the name that the device gave its picture, with another client than ours.
func (s *system) rowsBySource() (map[string]int, error) {
	out, err := s.database.Query("postgres", "SELECT source_filename, count(*) FROM posture_log GROUP BY 1")
	if err != nil {
		return nil, err
	}
	rows := map[string]int{}
	for line := range strings.Lines(out) {
		name, count, _ := strings.Cut(strings.TrimSpace(line), "|")
		if rows[name], err = strconv.Atoi(count); err != nil {
			return nil, fmt.Errorf("reading the table: %w", err)
		}
	}
	return rows, nil
}

// end stops everything, whoever depends on others first. The folder stays when it was asked for, or when something went wrong.
func (s *system) end(failed error) error {
	var errs []error
	for _, m := range slices.Concat(s.workers, s.hubs) {
		errs = append(errs, m.now.Stop())
	}
	if s.queue != nil {
		errs = append(errs, s.queue.Stop())
	}
	if s.broker != nil {
		errs = append(errs, s.broker.Stop())
	}
	if s.database != nil {
		errs = append(errs, s.database.Close())
	}
	err := errors.Join(append(errs, failed)...)
	if err == nil && s.options.folder == "" {
		err = os.RemoveAll(s.folder)
	}
	return err
}
