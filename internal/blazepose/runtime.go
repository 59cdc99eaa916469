package blazepose

import (
	"errors"

	"golang.org/x/sync/errgroup"

	"plumbline/internal/blazepose/ort"
)

// Runtime holds the networks, once a process, for any number of estimators. It is safe for concurrent use.
type Runtime struct {
	library              *ort.Library
	device               ort.Device
	detection, landmarks *ort.Network
}

// Open loads ONNX Runtime, once a process, and the networks.
func Open(o Options) (*Runtime, error) {
	wanted, err := o.check()
	if err != nil {
		return nil, err
	}
	detection, landmarks := detectionModel(o), landmarkModel(o)
	var reading errgroup.Group // while the library loads
	reading.Go(detection.identify)
	reading.Go(landmarks.identify)
	library, err := ort.Load(o.Library)
	if err := errors.Join(err, reading.Wait()); err != nil {
		return nil, err
	}
	device, err := library.Choose(wanted, o.Logger)
	if err != nil {
		return nil, err
	}
	r := &Runtime{library: library, device: device}
	if err := r.openNetworks(detection, landmarks, ort.Options{Device: device, CacheDir: o.CacheDir, Logger: o.Logger}); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	o.Logger.Info("inference ready", "device", device, "model", o.Model, "onnxruntime", library.Version(), "cached", r.landmarks.Cached())
	return r, nil
}

func (r *Runtime) openNetworks(detection, landmarks *model, o ort.Options) error {
	var g errgroup.Group
	g.Go(func() (err error) {
		r.detection, err = r.library.Open(detection.source(), detection.signature, o)
		return err
	})
	g.Go(func() (err error) {
		r.landmarks, err = r.library.Open(landmarks.source(), landmarks.signature, o)
		return err
	})
	return g.Wait()
}

// Device is what the networks run on: cpu, cuda or tensorrt.
func (r *Runtime) Device() string { return string(r.device) }

// Version is ONNX Runtime's version.
func (r *Runtime) Version() string { return r.library.Version() }

// NewEstimator makes an estimator, for one goroutine at a time; the runtime must outlive it.
func (r *Runtime) NewEstimator() (*Estimator, error) {
	e := &Estimator{}
	var g errgroup.Group
	var detection, landmarks *ort.Session
	g.Go(func() (err error) { detection, err = r.detection.NewSession(); return err })
	g.Go(func() (err error) { landmarks, err = r.landmarks.NewSession(); return err })
	err := g.Wait()
	if detection != nil {
		e.detector = newDetector(detection)
	}
	if landmarks != nil {
		e.landmarker = newLandmarker(landmarks)
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// Close gives the networks' memory back. All estimators must be closed before.
func (r *Runtime) Close() error {
	var errs []error
	for _, n := range []*ort.Network{r.detection, r.landmarks} {
		if n != nil {
			errs = append(errs, n.Close())
		}
	}
	return errors.Join(errs...)
}
