package blazepose

import (
	"errors"

	"golang.org/x/sync/errgroup"

	"plumbline/internal/blazepose/ort"
	"plumbline/internal/blazepose/planar"
)

// session is a network with its memory, whatever runs it.
type session interface {
	Input() []float32
	Output(i int) []float32
	Run() error
	Close() error
}

// Runtime holds the networks, once a process, for any number of estimators. It is safe for concurrent use.
type Runtime struct {
	library   *ort.Library
	device    ort.Device
	sparse    *planar.Network // the detector on CPUs
	detection *ort.Network    // the detector elsewhere; nil where there is a sparse one
	landmarks *ort.Network
}

// Open loads ONNX Runtime, once a process, and the networks.
func Open(o Options) (*Runtime, error) {
	wanted, err := o.check()
	if err != nil {
		return nil, err
	}
	r := new(Runtime)
	if err := r.open(o, wanted); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	o.Logger.Info("inference ready", "device", r.device, "model", o.Model, "onnxruntime", r.library.Version(),
		"cached", r.landmarks.Cached(), "sparse_detector", r.sparse != nil)
	return r, nil
}

func (r *Runtime) open(o Options, wanted ort.Device) (err error) {
	if wanted == ort.Auto && !ort.BringsCUDA(o.Library) {
		wanted = ort.CPU
	}
	detection, landmarks := detectionModel(o), landmarkModel(o)
	var reading errgroup.Group // while the library loads
	reading.Go(landmarks.identify)
	reading.Go(func() error {
		if wanted == ort.CPU && !o.GenericDetector {
			r.sparse = detection.sparse(o.Logger)
		}
		if r.sparse != nil {
			return nil
		}
		return detection.identify()
	})
	r.library, err = ort.Load(o.Library)
	if err := errors.Join(err, reading.Wait()); err != nil {
		return err
	}
	if r.device, err = r.library.Choose(wanted, o.Logger); err != nil {
		return err
	}
	if wanted != ort.CPU && r.device == ort.CPU && !o.GenericDetector {
		r.sparse = detection.sparse(o.Logger)
	}
	settings := ort.Options{Device: r.device, CacheDir: o.CacheDir, Logger: o.Logger}
	var opening errgroup.Group
	if r.sparse == nil {
		opening.Go(func() (err error) {
			r.detection, err = r.library.Open(detection.source(), detection.signature, settings)
			return err
		})
	}
	opening.Go(func() (err error) {
		r.landmarks, err = r.library.Open(landmarks.source(), landmarks.signature, settings)
		return err
	})
	return opening.Wait()
}

// Device is what the networks run on: cpu, cuda or tensorrt.
func (r *Runtime) Device() string { return string(r.device) }

// Version is ONNX Runtime's version.
func (r *Runtime) Version() string { return r.library.Version() }

// NewEstimator makes an estimator, for one goroutine at a time; the runtime must outlive it.
func (r *Runtime) NewEstimator() (*Estimator, error) {
	e := &Estimator{}
	var g errgroup.Group
	g.Go(func() error {
		s, err := r.newDetection()
		if err == nil {
			e.detector = newDetector(s)
		}
		return err
	})
	g.Go(func() error {
		s, err := r.landmarks.NewSession()
		if err == nil {
			e.landmarker = newLandmarker(s)
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (r *Runtime) newDetection() (session, error) {
	if r.sparse != nil {
		return r.sparse.NewSession()
	}
	return r.detection.NewSession()
}

// Close gives the networks' memory back. All estimators must be closed before.
func (r *Runtime) Close() error {
	var errs []error
	if r.sparse != nil {
		errs = append(errs, r.sparse.Close())
	}
	for _, n := range []*ort.Network{r.detection, r.landmarks} {
		if n != nil {
			errs = append(errs, n.Close())
		}
	}
	return errors.Join(errs...)
}
