// Package blazetest finds the models and the library that `make deps` installed, for tests and for the programs that measure.
// The product itself finds them by internal/bundle.
package blazetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"plumbline/internal/blazepose"
)

// Options are those of a model as npm's packages ship it, in the repository that the working directory is in.
func Options(model string) (blazepose.Options, error) {
	modules, err := nodeModules()
	if err != nil {
		return blazepose.Options{}, err
	}
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	o := blazepose.Options{
		Model:     model,
		Library:   filepath.Join(modules, "onnxruntime-node/bin/napi-v6/linux", arch, "libonnxruntime.so.1"),
		Detection: filepath.Join(modules, "@mediapipe/pose/pose_solution_packed_assets.data"), // holds the detector and nothing else
		Landmark:  filepath.Join(modules, "@mediapipe/pose/pose_landmark_"+model+".tflite"),
	}
	for _, path := range []string{o.Library, o.Detection, o.Landmark} {
		if _, err := os.Stat(path); err != nil {
			return o, fmt.Errorf("%w: run `make deps`", err)
		}
	}
	return o, nil
}

// nodeModules is the folder into which npm installed, here or above.
func nodeModules() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "node_modules"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("not within Plumbline's source folder")
		}
	}
}

// Open opens a model for a test, with a cache folder of its own.
func Open(t testing.TB, model string) *blazepose.Runtime {
	t.Helper()
	o, err := Options(model)
	if err != nil {
		t.Fatal(err)
	}
	o.CacheDir = t.TempDir()
	r, err := blazepose.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// Estimator makes an estimator for a test.
func Estimator(t testing.TB, r *blazepose.Runtime) *blazepose.Estimator {
	t.Helper()
	e, err := r.NewEstimator()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}
