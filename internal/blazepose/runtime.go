package blazepose

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"

	"plumbline/internal/blazepose/onnx"
	"plumbline/internal/blazepose/ort"
	"plumbline/internal/blazepose/tflite"
)

// graphRevision counts the changes of the converter that change what it makes of the models: optimised networks of an
// older one are not used. A test fails where it was forgotten.
const graphRevision = "1"

// Runtime holds the networks, once a process, for any number of estimators. It is safe for concurrent use.
type Runtime struct {
	library              *ort.Library
	device               ort.Device
	detection, landmarks *ort.Network
}

// The networks' inputs and outputs as the converter names them.
var (
	detectionSignature = ort.Signature{
		Input:   ort.Port{Name: "input", Shape: []int64{1, 3, detectorSide, detectorSide}},
		Outputs: []ort.Port{{Name: "output_0", Shape: []int64{1, 2254, 12}}, {Name: "output_1", Shape: []int64{1, 2254, 1}}},
	}
	landmarkSignature = ort.Signature{
		Input: ort.Port{Name: "input", Shape: []int64{1, 3, landmarkerSide, landmarkerSide}},
		Outputs: []ort.Port{
			{Name: "output_0", Shape: []int64{1, rawLandmarks * valuesPerLandmark}},
			{Name: "output_1", Shape: []int64{1, 1}},
			{Name: "output_2", Shape: []int64{1, rawLandmarks, heatCells, heatCells}},
		},
	}
	landmarkOutputs = []int{0, 1, 3} // of the model's: landmarks, flag, heat map; not segmentation (2) nor world (4)
)

// Open loads ONNX Runtime, once a process, and the networks.
func Open(o Options) (*Runtime, error) {
	wanted, err := o.check()
	if err != nil {
		return nil, err
	}
	library, err := ort.Load(o.Library)
	if err != nil {
		return nil, err
	}
	device, err := library.Choose(wanted, o.Logger)
	if err != nil {
		return nil, err
	}
	r := &Runtime{library: library, device: device}
	var g errgroup.Group
	g.Go(func() (err error) {
		r.detection, err = openNetwork(library, device, o, "pose_detection", o.Detection, detectionSignature, nil)
		return err
	})
	g.Go(func() (err error) {
		r.landmarks, err = openNetwork(library, device, o, "pose_landmark_"+o.Model, o.Landmark, landmarkSignature, landmarkOutputs)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	o.Logger.Info("inference ready", "device", device, "model", o.Model, "onnxruntime", library.Version(), "cached", r.landmarks.Cached())
	return r, nil
}

func openNetwork(l *ort.Library, d ort.Device, o Options, name, path string, sig ort.Signature, outputs []int) (*ort.Network, error) {
	model, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the model %s: %w", name, err)
	}
	sum := sha256.Sum256(model)
	source := ort.Source{
		Name:     name,
		Revision: hex.EncodeToString(sum[:]) + " " + graphRevision,
		Graph:    func() ([]byte, error) { return convert(path, outputs) },
	}
	return l.Open(source, sig, ort.Options{Device: d, CacheDir: o.CacheDir, Logger: o.Logger})
}

// convert makes an ONNX graph of a TensorFlow Lite file.
func convert(path string, outputs []int) ([]byte, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	model, err := tflite.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return onnx.Convert(model, onnx.Options{Outputs: outputs})
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
