package blazepose

import (
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"plumbline/internal/blazepose/onnx"
	"plumbline/internal/blazepose/ort"
	"plumbline/internal/blazepose/tflite"
)

// graphRevision counts the changes of the converter that change what it makes of the models: optimised networks of an
// older one are not used. A test fails where it was forgotten.
const graphRevision = "1"

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
	landmarkOutputs = []int{0, 1, 3} // of the model's: landmarks, flag, heat maps; not segmentation (2) nor world (4)
)

const heatOutput = 2 // of those

// model is one of MediaPipe's networks, as the npm package @mediapipe/pose ships it.
type model struct {
	name      string
	path      string // of the TensorFlow Lite file
	outputs   []int  // of the file's to keep; nil keeps all
	signature ort.Signature
	revision  string // set by identify
}

func detectionModel(o Options) *model {
	return &model{name: "pose_detection", path: o.Detection, signature: detectionSignature}
}

func landmarkModel(o Options) *model {
	return &model{name: "pose_landmark_" + o.Model, path: o.Landmark, outputs: landmarkOutputs, signature: landmarkSignature}
}

// identify names the file's content, so that no network optimised from another one is taken for it: by its size and two check
// sums. (They are to tell versions apart, not to detect forgery: who can write the models can write the cache.)
func (m *model) identify() error {
	f, err := os.Open(m.path)
	if err != nil {
		return fmt.Errorf("reading the model %s: %w", m.name, err)
	}
	defer f.Close()
	castagnoli, ieee := crc32.New(crc32.MakeTable(crc32.Castagnoli)), crc32.NewIEEE()
	size, err := io.CopyBuffer(io.MultiWriter(castagnoli, ieee), struct{ io.Reader }{f}, make([]byte, 256<<10))
	if err != nil {
		return fmt.Errorf("reading the model %s: %w", m.name, err)
	}
	m.revision = fmt.Sprintf("%d %08x %08x converter %s", size, castagnoli.Sum32(), ieee.Sum32(), graphRevision)
	return nil
}

// open opens the network on ONNX Runtime.
func (m *model) open(l *ort.Library, o ort.Options) (*ort.Network, error) {
	if err := m.identify(); err != nil {
		return nil, err
	}
	return l.Open(ort.Source{Name: m.name, Revision: m.revision, Graph: m.convert}, m.signature, o)
}

// parse reads the file.
func (m *model) parse() (*tflite.Model, error) {
	file, err := os.ReadFile(m.path)
	if err != nil {
		return nil, fmt.Errorf("reading the model %s: %w", m.name, err)
	}
	parsed, err := tflite.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", m.path, err)
	}
	return parsed, nil
}

// convert makes an ONNX graph of the file.
func (m *model) convert() ([]byte, error) {
	parsed, err := m.parse()
	if err != nil {
		return nil, err
	}
	return onnx.Convert(parsed, onnx.Options{Outputs: m.outputs})
}
