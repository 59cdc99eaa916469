package blazepose

import (
	"errors"

	"golang.org/x/sync/errgroup"

	"plumbline/internal/blazepose/ort"
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
	device    ort.Device
	own       own          // on CPUs
	library   *ort.Library // nil where both networks are our own
	detection *ort.Network // those that are not
	landmarks *ort.Network
}

// Open opens the networks, once a process, and loads ONNX Runtime where one of them needs it.
func Open(o Options) (*Runtime, error) {
	wanted, err := o.check()
	if err != nil {
		return nil, err
	}
	r := new(Runtime)
	if err := r.open(o, wanted); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	version := "not needed"
	if r.library != nil {
		version = r.library.Version()
	}
	o.Logger.Info("inference ready", "device", r.device, "model", o.Model, "onnxruntime", version,
		"own_detector", r.own.detection != nil, "own_landmarks", r.own.landmarks != nil)
	return r, nil
}

func (r *Runtime) open(o Options, wanted ort.Device) (err error) {
	if wanted == ort.Auto && !ort.BringsCUDA(o.Library) {
		wanted = ort.CPU
	}
	detection, landmarks := detectionModel(o), landmarkModel(o)
	if wanted == ort.CPU && !o.Generic {
		r.openOwn(detection, landmarks, o.Logger)
	}
	if r.device = ort.CPU; r.own.detection != nil && r.own.landmarks != nil && !o.LibraryNamed {
		return nil
	}
	if o.Library == "" && o.FindLibrary != nil {
		if o.Library, err = o.FindLibrary(); err != nil {
			return err
		}
	}
	if r.library, err = ort.Load(o.Library); err != nil {
		return err
	}
	if r.device, err = r.library.Choose(wanted, o.Logger); err != nil {
		return err
	}
	if wanted != ort.CPU && r.device == ort.CPU && !o.Generic {
		r.openOwn(detection, landmarks, o.Logger)
	}
	return r.openGeneric(detection, landmarks, ort.Options{Device: r.device, CacheDir: o.CacheDir, Logger: o.Logger})
}

// openGeneric opens on ONNX Runtime what is not our own.
func (r *Runtime) openGeneric(detection, landmarks *model, o ort.Options) error {
	var opening errgroup.Group
	if r.own.detection == nil {
		opening.Go(func() (err error) {
			r.detection, err = detection.open(r.library, o)
			return err
		})
	}
	if r.own.landmarks == nil {
		opening.Go(func() (err error) {
			r.landmarks, err = landmarks.open(r.library, o)
			return err
		})
	}
	return opening.Wait()
}

// Device is what the networks run on: cpu, cuda or tensorrt.
func (r *Runtime) Device() string { return string(r.device) }

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
		s, heat, err := r.newLandmarks()
		if err == nil {
			e.landmarker = newLandmarker(s, heat)
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (r *Runtime) newDetection() (session, error) {
	if r.own.detection != nil {
		return r.own.detection.NewSession()
	}
	return r.detection.NewSession()
}

func (r *Runtime) newLandmarks() (s session, heat layout, err error) {
	if n := r.own.landmarks; n != nil {
		heat.landmark, heat.row, heat.column = n.Layout(heatOutput)
		s, err = n.NewSession()
		return s, heat, err
	}
	s, err = r.landmarks.NewSession()
	return s, planes, err
}

// Close gives the networks' memory back. All estimators must be closed before.
func (r *Runtime) Close() error {
	errs := []error{r.own.close()}
	for _, n := range []*ort.Network{r.detection, r.landmarks} {
		if n != nil {
			errs = append(errs, n.Close())
		}
	}
	return errors.Join(errs...)
}
