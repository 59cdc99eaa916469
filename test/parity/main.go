// Parity compares Plumbline's landmarks with those of Python's mediapipe, picture by picture:
//
//	go run ./test/parity -pictures FOLDER [-model lite,full,heavy] [-golden FILE,…] [-witness FILE,…] [-report docs/parity.md] [-v]
//
// Without -golden it asks the real wheel, by golden.py in the Python environment that run.sh sets up. It prints a table and
// what is not as wanted (Misses), and ends with status 1 where something is not. With -report the table replaces what stands
// between the file's marks.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"plumbline/internal/blazepose"
	"plumbline/internal/blazepose/blazetest"
	"plumbline/internal/frame"
)

type options struct {
	pictures, models, golden, witness, report, title, python, library, device string
	verbose                                                                   bool
}

func main() {
	var o options
	flag.StringVar(&o.pictures, "pictures", "internal/demo/people", "folder of pictures")
	flag.StringVar(&o.models, "model", "full", "models to compare, separated by commas")
	flag.StringVar(&o.golden, "golden", "", "golden files instead of running Python, separated by commas, one a model")
	flag.StringVar(&o.witness, "witness", "", "golden files of the same pictures from another processor: compares the wheel with itself")
	flag.StringVar(&o.report, "report", "", "Markdown file whose marked part is replaced by the table")
	flag.StringVar(&o.title, "title", "folder", "which of the report's marked parts")
	flag.StringVar(&o.python, "python", ".tools/peer/bin/python", "Python with mediapipe")
	flag.StringVar(&o.library, "onnxruntime-library", "", "another ONNX Runtime than npm's")
	flag.StringVar(&o.device, "device", "cpu", "cpu, cuda, tensorrt or auto")
	flag.BoolVar(&o.verbose, "v", false, "print every picture")
	flag.Parse()
	misses, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		os.Exit(2)
	}
	if misses > 0 {
		os.Exit(1)
	}
}

func run(o options) (misses int, err error) {
	goldens, err := goldenFiles(o)
	if err != nil {
		return 0, err
	}
	if o.witness != "" {
		return 0, callWitness(o, goldens)
	}
	var summaries []*Summary
	for _, g := range goldens {
		s, err := summarise(o, g)
		if err != nil {
			return 0, err
		}
		summaries = append(summaries, s)
		if o.verbose {
			fmt.Printf("\n%s\n", s.Model)
			details(os.Stdout, s)
		}
	}
	var out bytes.Buffer
	table(&out, summaries)
	fmt.Printf("\n%s\n", out.String())
	for _, s := range summaries {
		for _, m := range s.Misses() {
			fmt.Println("not as wanted:", m)
			misses++
		}
	}
	return misses, publish(o, out.String())
}

// callWitness compares the wheel's runs on two processors.
func callWitness(o options, goldens []*Golden) error {
	witnesses, err := readGoldens(o.witness)
	if err != nil {
		return err
	}
	if len(witnesses) != len(goldens) {
		return errors.New("there must be as many witnesses as golden files")
	}
	var summaries []*Summary
	for i, g := range goldens {
		s, err := compareWitness(g, witnesses[i])
		if err != nil {
			return err
		}
		summaries = append(summaries, s)
	}
	var out bytes.Buffer
	witnessTable(&out, summaries)
	fmt.Printf("\n%s\n", out.String())
	return publish(o, out.String())
}

// publish puts a table into the report, where there is one.
func publish(o options, table string) error {
	if o.report == "" {
		return nil
	}
	return replaceMarked(o.report, o.title, table)
}

// goldenFiles reads the golden files, or makes them.
func goldenFiles(o options) ([]*Golden, error) {
	if o.golden == "" {
		return askPython(o)
	}
	return readGoldens(o.golden)
}

func readGoldens(paths string) ([]*Golden, error) {
	var all []*Golden
	for path := range strings.SplitSeq(paths, ",") {
		g, err := readGolden(path)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, nil
}

// askPython runs the wheel.
func askPython(o options) ([]*Golden, error) {
	if _, err := os.Stat(o.python); err != nil {
		return nil, fmt.Errorf("no Python with mediapipe at %s: use test/parity/run.sh, which sets it up, or -golden", o.python)
	}
	dir, err := os.MkdirTemp("", "parity-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var all []*Golden
	for model := range strings.SplitSeq(o.models, ",") {
		path := filepath.Join(dir, model+".json")
		cmd := exec.CommandContext(context.Background(), o.python, "test/parity/golden.py", model, path, o.pictures)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("running the wheel: %w\n%s", err, out)
		}
		g, err := readGolden(path)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, nil
}

// summarise compares all pictures of a golden file.
func summarise(o options, g *Golden) (s *Summary, err error) {
	settings, err := blazetest.Options(g.Model)
	if err != nil {
		return nil, err
	}
	settings.Device = o.device
	if o.library != "" {
		settings.Library = o.library
	}
	runtime, err := blazepose.Open(settings)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	estimator, err := runtime.NewEstimator()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, estimator.Close()) }()
	decoder, err := frame.NewDecoder(frame.Limits{})
	if err != nil {
		return nil, err
	}
	c := comparer{folder: o.pictures, estimator: estimator, decoder: decoder}
	s = &Summary{Model: g.Model, Golden: g}
	for _, p := range g.Pictures {
		comparison, err := c.compare(p)
		if err != nil {
			return nil, err
		}
		s.Comparisons = append(s.Comparisons, comparison)
	}
	return s, nil
}

// replaceMarked replaces what stands between <!-- TITLE --> and <!-- end of TITLE -->.
func replaceMarked(path, title, text string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+title+" -->\n", "<!-- end of "+title+" -->"
	before, rest, ok := strings.Cut(string(b), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no part between %q and %q", path, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(path, []byte(before+begin+text+end+after), 0o644)
}
