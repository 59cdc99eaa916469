// Package manifest pins the files that Plumbline takes from others: MediaPipe's pose models and ONNX Runtime's library, with
// sizes and SHA-256. The packer accepts nothing else, and what is unpacked is checked against the same numbers.
//
// A new version of an npm package means new numbers here; the packer prints those it found.
package manifest

import (
	"fmt"
	"slices"
)

// File is one file as it is used, uncompressed.
type File struct {
	Name   string
	Size   int64
	SHA256 string // in hexadecimal
}

// The models of npm's @mediapipe/pose 0.5.1675469404. Their hashes equal those that Python's mediapipe 0.10.21 pins
// (third_party/external_files.bzl: com_google_mediapipe_pose_detection_tflite and the like).
var (
	Detection     = File{"pose_detection.tflite", 2962288, "a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85"}
	LandmarkLite  = File{"pose_landmark_lite.tflite", 2819824, "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61"}
	LandmarkFull  = File{"pose_landmark_full.tflite", 6440512, "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f"}
	LandmarkHeavy = File{"pose_landmark_heavy.tflite", 27709200, "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe"}
)

// Library is the name under which ONNX Runtime's library is looked for and unpacked.
const Library = "libonnxruntime.so.1"

// Libraries are ONNX Runtime 1.30.0 of npm's onnxruntime-node, by GOARCH, for Linux.
var Libraries = map[string]File{
	"amd64": {Library, 45828512, "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23"},
	"arm64": {Library, 25135496, "1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76"},
}

// Models are those that travel inside the binary; the heavy one lies beside it.
var Models = []File{Detection, LandmarkLite, LandmarkFull}

// AllModels are those inside and the heavy one.
func AllModels() []File { return append(slices.Clone(Models), LandmarkHeavy) }

// Landmark gives the landmark model of a name: lite, full or heavy.
func Landmark(model string) (File, error) {
	switch model {
	case "lite":
		return LandmarkLite, nil
	case "full":
		return LandmarkFull, nil
	case "heavy":
		return LandmarkHeavy, nil
	}
	return File{}, fmt.Errorf("unknown model %q: choose lite, full or heavy", model)
}

// ModelAsset is the name of a model's compressed form among the assets.
func ModelAsset(f File) string { return f.Name + ".zst" }

// LibraryAsset is the name of a library's compressed form among the assets. It starts with the architecture: the embed
// patterns tell the libraries apart by it.
func LibraryAsset(goarch string) string { return goarch + "-" + Library + ".zst" }
