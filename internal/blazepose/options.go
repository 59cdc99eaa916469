package blazepose

import (
	"fmt"
	"log/slog"
	"slices"

	"plumbline/internal/blazepose/ort"
)

// Options say what estimates poses, and on what.
type Options struct {
	Model   string // lite, full or heavy: MediaPipe's model_complexity 0, 1, 2
	Device  string // cpu, cuda, tensorrt or auto; empty is cpu
	Library string // path of ONNX Runtime's library, which is loaded where our own kernels can't run a network
	// FindLibrary gives that path where Library is empty, once it turns out to be needed; nil where Library is never empty.
	FindLibrary func() (string, error)
	// LibraryNamed says that somebody chose the library: it is loaded even where no network needs it, so that a wrong one is noticed.
	LibraryNamed bool
	Detection    string       // path of pose_detection.tflite
	Landmark     string       // path of pose_landmark_<model>.tflite
	CacheDir     string       // for optimised networks; nothing is kept when it is empty
	Logger       *slog.Logger // nil for silence
	// Generic runs the networks on ONNX Runtime on CPUs too, where our own kernels are faster and nearer to MediaPipe.
	Generic bool
}

// Models lists the landmark models, from the fastest to the most exact.
func Models() []string { return []string{"lite", "full", "heavy"} }

func (o *Options) check() (ort.Device, error) {
	if !slices.Contains(Models(), o.Model) {
		return "", fmt.Errorf("unknown model %q: choose lite, full or heavy", o.Model)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return ort.ParseDevice(o.Device)
}
