// Command compat runs the newest tagged version beside the present one: each takes over the other's data folder, with
// captures that wait, rows, dead letters and journal in it, and, from the first tag on that has `plumbline work`, workers
// of each work for a hub of the other, and stay while it is replaced: each picture is recorded once and the ledger balances. The tag is built from git, with the models and the library of the present tree.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	tag := flag.String("tag", "", "version to compare with (default: the newest tag that has plumbline work, else the newest)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *tag)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, tag string) error {
	folder, err := os.MkdirTemp("", "compat-")
	if err != nil {
		return err
	}
	v, err := buildBoth(ctx, folder, tag)
	if err != nil {
		return fmt.Errorf("%w (what was built is in %s)", err, folder)
	}
	tried := []scenario{
		{"the present hub takes over the folder of " + v.tag, func() error { return takeOver(ctx, v.old, v.now, v.now) }},
		{v.tag + " takes over the folder of the present hub", func() error { return takeOver(ctx, v.now, v.old, v.now) }},
	}
	if v.hasWork {
		tried = append(tried,
			scenario{"a worker of " + v.tag + " works for the present hub", func() error { return workFor(ctx, v.now, v.old) }},
			scenario{"a present worker works for the hub of " + v.tag, func() error { return workFor(ctx, v.old, v.now) }},
			scenario{"the hub becomes the present one below a worker of " + v.tag, func() error { return upgrade(ctx, v.old, v.now, v.old) }},
			scenario{"the hub becomes the present one below a present worker", func() error { return upgrade(ctx, v.old, v.now, v.now) }})
	} else {
		fmt.Printf("not tried: workers of %s, which has no plumbline work\n", v.tag)
	}
	var failed []error
	for _, s := range tried {
		if err := s.try(); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.name, err))
			continue
		}
		fmt.Println("well:", s.name)
	}
	if len(failed) > 0 {
		return fmt.Errorf("%w (logs in %s)", errors.Join(failed...), folder)
	}
	return os.RemoveAll(folder)
}

// scenario is one thing that must work between the two versions.
type scenario struct {
	name string
	try  func() error
}
