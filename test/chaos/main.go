// Command chaos proves that no picture is lost, and none counted twice, while the system's parts are killed under load: a
// Mosquitto, hubs without workers of their own, workers in processes of their own, and a PostgreSQL, all real. Devices
// publish; every now and then a worker (with -hubs 2 also a hub) dies by SIGKILL and is started again. In the end every
// acknowledged picture must have exactly one row, or a dead letter, and `plumbline ledger` must balance.
//
// It starts every server itself, on free loopback ports and in a temporary folder, and ends them by their own handles.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

type options struct {
	plumbline string        // the binary
	pictures  int           // to publish
	devices   int           // that publish them
	hubs      int           // with two, they share a NATS outside and Mosquitto by a lease
	workers   int           // processes
	killEvery time.Duration // one worker dies; 0 kills none
	killHubs  time.Duration // one hub dies; 0 kills none
	model     string        // lite, full or heavy
	folder    string        // kept afterwards when given
	asJSON    bool
}

func main() {
	var o options
	flag.StringVar(&o.plumbline, "plumbline", "dist/plumbline", "the binary under test")
	flag.IntVar(&o.pictures, "pictures", 1000, "pictures to publish")
	flag.IntVar(&o.devices, "devices", 4, "devices that publish them")
	flag.IntVar(&o.hubs, "hubs", 1, "hubs; two share a NATS outside")
	flag.IntVar(&o.workers, "workers", 2, "worker processes")
	flag.DurationVar(&o.killEvery, "kill-every", time.Second, "kill a worker so often (0: never)")
	flag.DurationVar(&o.killHubs, "kill-hubs-every", 0, "kill a hub so often (0: never)")
	flag.StringVar(&o.model, "model", "full", "lite, full or heavy")
	flag.StringVar(&o.folder, "folder", "", "keep data and logs here (default: a temporary folder, removed when all went well)")
	flag.BoolVar(&o.asJSON, "json", false, "print the verdict as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	v, err := run(ctx, o)
	stop()
	if err == nil {
		err = v.print(o.asJSON)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// print writes the verdict; its error says what does not hold.
func (v verdict) print(asJSON bool) error {
	if asJSON {
		if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
			return err
		}
	} else {
		fmt.Println(v)
	}
	return v.complaint()
}

// run publishes, kills, waits until nothing waits, has the dead letters analysed after all, as whoever finds them would, and
// judges.
func run(ctx context.Context, o options) (v verdict, err error) {
	if err := o.settle(); err != nil {
		return v, err
	}
	s := &system{options: o}
	defer func() {
		err = s.end(err)
	}()
	if err := s.start(ctx); err != nil {
		return v, fmt.Errorf("starting: %w (logs in %s)", err, s.folder)
	}
	began := time.Now()
	killing := s.killAll(ctx)
	acknowledged, err := s.publish(ctx)
	if err == nil {
		err = s.drain(ctx)
	}
	v.WorkersKilled, v.HubsKilled = killing.stop()
	if err == nil {
		v.Replayed, err = s.replay(ctx)
	}
	if err != nil {
		return v, fmt.Errorf("%w (logs in %s)", err, s.folder)
	}
	v.Seconds = time.Since(began).Seconds()
	return v, s.judge(ctx, acknowledged, &v)
}
