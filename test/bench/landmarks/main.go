// Command landmarks times decoding and inference on pictures held in memory, in one process with one session:
//
//	landmarks --passes N PICTURE...
//
// It prints the mean milliseconds a picture of each pass, a line each, then the mean of each step as name=value, and at last
// peak=, the peak of its resident memory (VmHWM) in megabytes. It is the counterpart of test/bench/python/landmarks.py.
package main

import (
	"flag"
	"fmt"
	"image"
	"log/slog"
	"os"
	"strings"
	"time"

	"plumbline/internal/blazepose"
	"plumbline/internal/bundle"
	"plumbline/internal/frame"
	"plumbline/internal/posture"
)

func main() {
	model := flag.String("model", "full", "lite, full or heavy")
	passes := flag.Int("passes", 5, "how often to go over the pictures")
	flag.Parse()
	if err := run(*model, *passes, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "landmarks:", err)
		os.Exit(1)
	}
}

func run(model string, passes int, files []string) error {
	pictures := make([][]byte, len(files))
	for i, file := range files {
		var err error
		if pictures[i], err = os.ReadFile(file); err != nil {
			return err
		}
	}
	session, err := open(model)
	if err != nil {
		return err
	}
	if err := session.pass(pictures); err != nil { // warms up caches and memory
		return err
	}
	session.spent = [len(steps)]time.Duration{}
	for range passes {
		begin := time.Now()
		if err := session.pass(pictures); err != nil {
			return err
		}
		fmt.Println(milliseconds(time.Since(begin)) / float64(len(pictures)))
	}
	for i, step := range steps {
		fmt.Printf("%s=%v\n", step, milliseconds(session.spent[i])/float64(passes*len(pictures)))
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	var kibibytes float64
	if _, err := fmt.Sscanf(line, "%f kB", &kibibytes); err != nil {
		return fmt.Errorf("reading VmHWM: %w", err)
	}
	fmt.Printf("peak=%.1f\n", kibibytes*1024/1e6)
	return nil
}

// steps are the parts of an analysis, in order.
var steps = [...]string{
	"decoding the JPEG",
	"cutting out both squares",
	"detection: network, boxes, suppression",
	"landmarks: network, refinement, projection",
}

// session is what a worker holds: one decoder, one estimator, one picture.
type session struct {
	decoder   *frame.Decoder
	estimator *blazepose.Estimator
	frame     posture.Frame
	ground    image.YCbCr
	spent     [len(steps)]time.Duration
}

func open(model string) (*session, error) {
	files, err := bundle.Locate(bundle.Options{Model: model})
	if err != nil {
		return nil, err
	}
	runtime, err := blazepose.Open(blazepose.Options{
		Model: model, Device: "cpu", Library: files.Library, Detection: files.Detection, Landmark: files.Landmark,
		CacheDir: files.CacheDir,
		Logger:   slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	estimator, err := runtime.NewEstimator()
	if err != nil {
		return nil, err
	}
	decoder, err := frame.NewDecoder(frame.Limits{MaxBytes: 64 << 20, MaxPixels: 100e6})
	if err != nil {
		return nil, err
	}
	return &session{decoder: decoder, estimator: estimator}, nil
}

func (s *session) pass(pictures [][]byte) error {
	for _, picture := range pictures {
		begin := time.Now()
		if err := s.decoder.DecodeOnto(picture, &s.frame, &s.ground, blazepose.ReadsPlanes()); err != nil {
			return err
		}
		s.spent[0] += time.Since(begin)
		if _, err := s.estimator.Estimate(&s.frame, 1); err != nil {
			return err
		}
		timings := s.estimator.Timings()
		s.spent[1] += timings.Crop
		s.spent[2] += timings.Detection
		s.spent[3] += timings.Landmarks
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
