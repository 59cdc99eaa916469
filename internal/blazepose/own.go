package blazepose

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"syscall"

	"plumbline/internal/blazepose/interleaved"
	"plumbline/internal/blazepose/ort"
	"plumbline/internal/blazepose/planar"
	"plumbline/internal/blazepose/tflite"
)

// own are the networks that run on this program's own kernels, which they do on CPUs: faster than on ONNX Runtime, and with the
// last bits of MediaPipe's wheel. nil is a network that the kernels refuse; ONNX Runtime then runs it, more slowly.
type own struct {
	detection *planar.Network
	landmarks *interleaved.Network
}

// openOwn opens what it can, both at once.
func (r *Runtime) openOwn(detection, landmarks *model, log *slog.Logger) {
	var opening sync.WaitGroup
	opening.Go(func() {
		err := detection.mapped(func(m *tflite.Model) (err error) {
			r.own.detection, err = planar.New(m)
			return err
		})
		if err != nil {
			log.Info("the detector runs on ONNX Runtime", "reason", err)
		}
	})
	opening.Go(func() {
		err := landmarks.mapped(func(m *tflite.Model) (err error) {
			r.own.landmarks, err = newLandmarks(m, landmarks)
			return err
		})
		if err != nil {
			log.Info("the landmark network runs on ONNX Runtime", "reason", err)
		}
	})
	opening.Wait()
}

// newLandmarks makes a landmark network and sees that it takes and gives what is expected.
func newLandmarks(m *tflite.Model, of *model) (*interleaved.Network, error) {
	n, err := interleaved.New(m, of.outputs)
	if err != nil {
		return nil, err
	}
	for i, want := range append([]ort.Port{of.signature.Input}, of.signature.Outputs...) {
		height, width, channels := n.Shape(i - 1)
		have := []int64{1, int64(channels), int64(height), int64(width)}[:len(want.Shape)]
		for j := range have {
			if have[j] != want.Shape[j] {
				return nil, errors.Join(fmt.Errorf("%s has the shape %v, not %v", want.Name, have, want.Shape), n.Close())
			}
		}
	}
	return n, nil
}

// mapped reads the model's file in place, without a copy of it in memory, while use runs.
func (m *model) mapped(use func(*tflite.Model) error) error {
	f, err := os.Open(m.path)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := sizeOf(f)
	if err != nil {
		return err
	}
	file, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("mapping %s: %w", m.path, err)
	}
	parsed, err := tflite.Parse(file)
	if err == nil {
		err = use(parsed)
	}
	return errors.Join(err, syscall.Munmap(file))
}

func sizeOf(f fs.File) (int, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() == 0 {
		return 0, fmt.Errorf("%s is empty", info.Name())
	}
	return int(info.Size()), nil
}

// close gives the networks' memory back.
func (o *own) close() error {
	var errs []error
	if o.detection != nil {
		errs = append(errs, o.detection.Close())
	}
	if o.landmarks != nil {
		errs = append(errs, o.landmarks.Close())
	}
	return errors.Join(errs...)
}
