//go:build linux

// Command placing tries the placement of pods against the real API server and scheduler, with KWOK's nodes and loads of its
// own: many Jobs at once, nodes that go before and after binding, a controller that is killed, two of them. It runs inside the
// cluster under test (see test/cluster), without KEDA, Prometheus and hub:
//
//	go build -o dist/placing ./test/cluster/placing && go run ./test/cluster -pretended -run dist/placing
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// controllerStage is the argument by which the program knows that it is to place; an identity follows, and how long a placed pod
// may wait to be bound.
const controllerStage = "controller"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "placing:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) > 3 && os.Args[1] == controllerStage {
		within, err := time.ParseDuration(os.Args[3])
		if err != nil {
			return err
		}
		return control(ctx, os.Args[2], within)
	}
	only := ""
	if len(os.Args) > 1 {
		only = os.Args[1]
	}
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 200, 400
	api, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return tryAll(ctx, &world{api: api}, wanted)
}

// try is one thing that must hold.
type try struct {
	name string
	run  func(context.Context, *world) error
}

func tryAll(ctx context.Context, w *world, wanted *regexp.Regexp) error {
	failed := 0
	for _, t := range []try{
		{"placed on the least busy node", leastBusy},
		{"every term of an affinity that was there", terms},
		{"a node that goes before binding", goneBeforeBinding},
		{"a node that goes after binding", goneAfterBinding},
		{"a node without room", noRoom},
		{"a controller killed while it places", killed},
		{"two controllers", two},
		{"500 Jobs on 1,000 nodes", burst},
	} {
		if !wanted.MatchString(t.name) {
			continue
		}
		begin := time.Now()
		err := w.try(ctx, t)
		word := "ok  "
		if err != nil {
			word = "FAIL"
			failed++
		}
		fmt.Printf("%s  %-45s %6.1f s\n", word, t.name, time.Since(begin).Seconds())
		for _, n := range w.notes {
			fmt.Println("        " + n)
		}
		if err != nil {
			fmt.Println("      " + err.Error())
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d failed", failed)
	}
	return nil
}
