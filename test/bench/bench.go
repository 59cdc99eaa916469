package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// size is a picture size that is measured.
type size struct{ width, height int }

func (s size) String() string { return fmt.Sprintf("%dx%d", s.width, s.height) }

var small, large = size{640, 480}, size{1920, 1080}

// bench holds what all sections need.
type bench struct {
	options
	folder string            // temporary, removed at the end
	sets   map[size][]string // the pictures, as JPEG files of each size
	stages map[size][]stage  // where our milliseconds go, filled by the section landmarks
	rounds int               // of each measurement, each with fresh processes
	passes int               // over all pictures in one round of the section landmarks
	count  int               // of pictures in one round of the section system
}

// stage is one step of our analysis and its mean milliseconds a picture.
type stage struct {
	name         string
	milliseconds float64
}

func newBench(o options) (*bench, error) {
	folder, err := os.MkdirTemp("", "plumbline-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, folder: folder, stages: map[size][]stage{}, rounds: 3, passes: 5, count: 300}
	if o.quick {
		b.rounds, b.passes, b.count = 1, 1, 40
	}
	if b.sets, err = pictureSets(o.folders(), folder); err != nil {
		b.close()
		return nil, fmt.Errorf("making the pictures: %w", err)
	}
	return b, nil
}

// folders says where the pictures of each size come from.
func (o options) folders() map[size]string {
	if o.pictures != "" {
		return map[size]string{small: o.pictures, large: o.pictures}
	}
	return map[size]string{small: o.people, large: o.largePeople}
}

func (b *bench) close() { os.RemoveAll(b.folder) }

func (b *bench) describePictures() string {
	if b.pictures == "" {
		return fmt.Sprintf("%d and %d pictures of synthetic people", len(b.sets[small]), len(b.sets[large]))
	}
	return fmt.Sprintf("%d photographs", len(b.sets[small]))
}

func (b *bench) script(name string) string { return filepath.Join(b.scripts, name) }

// landmarks measures decoding and inference in one process on one core, without network, drawing or rows.
func (b *bench) landmarks(ctx context.Context) ([]figure, error) {
	var figures []figure
	for _, s := range []size{small, large} {
		f := figure{what: "decode to landmarks, one thread, " + s.String(), unit: "ms", lessIsMore: true, wanted: 1.5}
		for range b.rounds {
			peer, err := b.inProcess(ctx, s, b.passes, b.python, b.script("landmarks.py"))
			if err != nil {
				return nil, err
			}
			ours, err := b.inProcess(ctx, s, b.passes, b.options.landmarks)
			if err != nil {
				return nil, err
			}
			f.peer, f.ours = append(f.peer, peer.times...), append(f.ours, ours.times...)
			b.stages[s] = ours.stages
		}
		figures = append(figures, f)
	}
	return figures, nil
}

// outcome is what one of the two landmark programs tells.
type outcome struct {
	times  []float64 // milliseconds a picture, of each pass
	stages []stage   // only our program tells them
	peak   float64   // VmHWM in MB
}

// inProcess runs one of the two landmark programs on one core.
func (b *bench) inProcess(ctx context.Context, s size, passes int, command ...string) (outcome, error) {
	args := append([]string{"-c", firstCore()}, command...)
	args = append(args, "--passes", strconv.Itoa(passes))
	program := exec.CommandContext(ctx, "taskset", append(args, b.sets[s]...)...)
	var complaints strings.Builder
	program.Stderr = &complaints
	out, err := program.Output()
	if err != nil {
		return outcome{}, fmt.Errorf("%s: %w: %s", filepath.Base(command[len(command)-1]), err, complaints.String())
	}
	return parseOutcome(string(out)), nil
}

// parseOutcome reads bare numbers as passes and name=number as steps or the peak; other lines are not ours.
func parseOutcome(text string) outcome {
	var o outcome
	for line := range strings.Lines(text) {
		name, number, named := strings.Cut(strings.TrimSpace(line), "=")
		if !named {
			number = name
		}
		value, err := strconv.ParseFloat(number, 64)
		switch {
		case err != nil:
		case name == "peak":
			o.peak = value
		case named:
			o.stages = append(o.stages, stage{name, value})
		default:
			o.times = append(o.times, value)
		}
	}
	return o
}

// firstCore is a core that this process may run on.
func firstCore() string {
	allowed, err := os.ReadFile("/proc/self/status")
	if err == nil {
		if _, list, found := strings.Cut(string(allowed), "Cpus_allowed_list:"); found {
			return strings.FieldsFunc(list, func(r rune) bool { return r == '-' || r == ',' || r == '\n' || r == '\t' || r == ' ' })[0]
		}
	}
	return "0"
}

// start measures from exec to the first landmarks, on a machine where both ran before.
func (b *bench) start(ctx context.Context) ([]figure, error) {
	picture := b.sets[small][0]
	peer := []string{b.python, b.script("landmarks.py"), picture}
	ours := []string{b.plumbline, "analyze", "--json", picture}
	for _, command := range [][]string{peer, ours} { // the first start fills caches
		if _, err := b.untilOutput(ctx, command...); err != nil {
			return nil, err
		}
	}
	f := figure{what: "exec to the first landmarks, second start", unit: "ms", lessIsMore: true, wanted: 8}
	for range 3 * b.rounds {
		p, err := b.untilOutput(ctx, peer...)
		if err != nil {
			return nil, err
		}
		o, err := b.untilOutput(ctx, ours...)
		if err != nil {
			return nil, err
		}
		f.peer, f.ours = append(f.peer, p), append(f.ours, o)
	}
	return []figure{f}, nil
}

// untilOutput returns the milliseconds from starting a program to the first byte that it prints.
func (b *bench) untilOutput(ctx context.Context, command ...string) (float64, error) {
	program := exec.CommandContext(ctx, command[0], command[1:]...)
	out, err := program.StdoutPipe()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := program.Start(); err != nil {
		return 0, err
	}
	_, readErr := out.Read(make([]byte, 1<<16))
	took := time.Since(begin)
	if readErr != nil {
		return 0, fmt.Errorf("%s printed nothing: %w", filepath.Base(command[0]), readErr)
	}
	if err := program.Wait(); err != nil {
		return 0, fmt.Errorf("%s: %w", filepath.Base(command[0]), err)
	}
	return float64(took.Microseconds()) / 1000, nil
}

// size compares what has to be shipped: the Python packages (without Python itself), and our one binary.
func (b *bench) size(ctx context.Context) ([]figure, error) {
	binary := b.shipped
	if _, err := os.Stat(binary); err != nil {
		binary = b.plumbline
	}
	packages, err := filepath.Glob(filepath.Join(filepath.Dir(b.python), "../lib/python3*/site-packages"))
	if err != nil || len(packages) != 1 {
		return nil, fmt.Errorf("no packages beside %s: %w", b.python, err)
	}
	peer, err := compressedSize(ctx, packages[0])
	if err != nil {
		return nil, err
	}
	ours, err := compressedSize(ctx, binary)
	if err != nil {
		return nil, err
	}
	return []figure{{what: "what has to be shipped, compressed (tar, gzip)", unit: "MB", peer: []float64{peer}, ours: []float64{ours},
		lessIsMore: true, wanted: 336.0 / 75}}, nil
}

func compressedSize(ctx context.Context, path string) (float64, error) {
	tar := exec.CommandContext(ctx, "tar", "--create", "--gzip", "--file=-", "--directory", filepath.Dir(path), filepath.Base(path))
	var n counter
	tar.Stdout = &n
	if err := tar.Run(); err != nil {
		return 0, fmt.Errorf("packing %s: %w", path, err)
	}
	return float64(n) / 1e6, nil
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// machine describes the machine in a line.
func machine() string {
	model := runtime.GOARCH
	if cpuinfo, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, found := strings.Cut(string(cpuinfo), "model name"); found {
			line, _, _ := strings.Cut(rest, "\n")
			model = strings.Trim(line, "\t :")
		}
	}
	return model
}
