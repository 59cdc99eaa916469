package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"plumbline/internal/bundle/manifest"
)

// nodeArch are the names that Node.js has for Go's architectures.
var nodeArch = map[string]string{"amd64": "x64", "arm64": "arm64"}

func library(modules, goarch string) func() ([]byte, error) {
	return func() ([]byte, error) {
		return installed(filepath.Join(modules, "onnxruntime-node/bin/napi-v6/linux", nodeArch[goarch], manifest.Library))
	}
}

func model(modules, name string) func() ([]byte, error) {
	return func() ([]byte, error) { return installed(filepath.Join(modules, "@mediapipe/pose", name)) }
}

// detection cuts the detector out of the package's data file: emscripten's file_packager joins files to one and writes a
// loader in JavaScript that knows where each lies, loadPackage({"files": [{"filename": …, "start": …, "end": …}]}).
func detection(modules string) func() ([]byte, error) {
	return func() ([]byte, error) {
		loader, err := model(modules, "pose_solution_packed_assets_loader.js")()
		if err != nil {
			return nil, err
		}
		all, err := model(modules, "pose_solution_packed_assets.data")()
		if err != nil {
			return nil, err
		}
		return unpackaged(loader, all, manifest.Detection.Name)
	}
}

func unpackaged(loader, all []byte, name string) ([]byte, error) {
	_, list, found := bytes.Cut(loader, []byte("loadPackage({"))
	if !found {
		return nil, fmt.Errorf("the loader of the package's data has no loadPackage({…})")
	}
	var packed struct {
		Files []struct {
			Filename   string `json:"filename"`
			Start, End int
		} `json:"files"`
	}
	if err := json.NewDecoder(bytes.NewReader(append([]byte("{"), list...))).Decode(&packed); err != nil {
		return nil, fmt.Errorf("reading the loader of the package's data: %w", err)
	}
	for _, f := range packed.Files {
		if filepath.Base(f.Filename) != name {
			continue
		}
		if f.Start < 0 || f.End < f.Start || f.End > len(all) {
			return nil, fmt.Errorf("%s lies at %d to %d of %d bytes", name, f.Start, f.End, len(all))
		}
		return all[f.Start:f.End], nil
	}
	return nil, fmt.Errorf("the package's data holds no %s", name)
}

func installed(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, fmt.Errorf("%s is missing: run `make deps`", path)
	}
	return b, err
}
