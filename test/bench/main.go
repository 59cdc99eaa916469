// Command bench measures Plumbline beside the Python system that it replaces: on the same pictures, cores, PostgreSQL and
// load client, in alternation, so that a machine's moods meet both. It prints a table and, with -out, writes the report.
//
// `make bench` prepares what it needs: dist/plumbline, the landmarks program, and the Python packages. It starts every
// server itself, on free loopback ports and in a temporary folder, and ends them by their own handles.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
)

type options struct {
	pictures    string // folder of photographs; empty means synthetic people
	people      string // rendered at 640x480
	largePeople string // rendered at 1920x1080
	out         string // file for the report; empty means none
	quick       bool
	only        string // sections, separated by commas; empty means all
	python      string
	scripts     string
	plumbline   string
	landmarks   string
	shipped     string // the binary that is given to others, for its size
}

// section is one group of measurements.
type section struct {
	name    string
	measure func(*bench, context.Context) ([]figure, error)
}

var sections = []section{
	{"landmarks", (*bench).landmarks},
	{"system", (*bench).system},
	{"start", (*bench).start},
	{"memory", (*bench).memory},
	{"size", (*bench).size},
}

func main() {
	var o options
	flag.StringVar(&o.pictures, "pictures", "", "folder of JPEG photographs instead of the synthetic people")
	flag.StringVar(&o.people, "people", "internal/demo/people", "synthetic people of 640x480")
	flag.StringVar(&o.largePeople, "large-people", ".tools/people", "synthetic people of 1920x1080")
	flag.StringVar(&o.out, "out", "", "write the report to this file too")
	flag.BoolVar(&o.quick, "quick", false, "few pictures and one round: to see that it works")
	flag.StringVar(&o.only, "only", "", "only these of landmarks,system,start,memory,size")
	flag.StringVar(&o.python, "python", ".tools/peer/bin/python", "Python with the packages of test/bench/python/requirements.txt")
	flag.StringVar(&o.scripts, "scripts", "test/bench/python", "the Python programs")
	flag.StringVar(&o.plumbline, "plumbline", "dist/plumbline", "Plumbline")
	flag.StringVar(&o.landmarks, "landmarks", "dist/bench-landmarks", "the program of test/bench/landmarks")
	flag.StringVar(&o.shipped, "shipped", "dist/plumbline-linux-amd64", "the binary whose size counts; -plumbline where it does not exist")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer b.close()
	var figures []figure
	for _, s := range sections {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), s.name) {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring:", s.name)
		measured, err := s.measure(b, ctx)
		if err != nil {
			return fmt.Errorf("measuring %s: %w", s.name, err)
		}
		figures = append(figures, measured...)
	}
	if len(figures) == 0 {
		return errors.New("nothing to measure: -only names no section")
	}
	report := report{machine: machine(), cores: runtime.NumCPU(), pictures: b.describePictures(), figures: figures, stages: b.stages}
	fmt.Print(report.table())
	if o.out == "" {
		return nil
	}
	return report.write(o.out)
}
