package ort

import (
	"fmt"
	"strconv"
	"strings"
)

// apiVersion is the API that the binding was compiled against; ONNX Runtime 1.N offers the APIs up to N.
const apiVersion = 24

// another says how to give another library.
const another = "give another one with --onnxruntime-library PATH (ONNX Runtime 1.%d or newer fits: " +
	"npm's onnxruntime-node for CPUs, Microsoft's onnxruntime-linux-x64-gpu archives or a Jetson build for GPUs)"

// checkVersion refuses a library that is too old, before the binding meets it.
func checkVersion(path, version string) error {
	major, minor, ok := parseVersion(version)
	switch {
	case !ok:
		return fmt.Errorf("%s calls itself ONNX Runtime %q, a version that can't be read; "+another, path, version, apiVersion)
	case major != 1:
		return fmt.Errorf("ONNX Runtime %s at %s is another generation than this build's 1.x; "+another, version, path, apiVersion)
	case minor < apiVersion:
		return fmt.Errorf("ONNX Runtime %s at %s is too old: this build needs 1.%d or newer; "+another, version, path, apiVersion, apiVersion)
	}
	return nil
}

func parseVersion(v string) (major, minor int, ok bool) {
	parts := strings.SplitN(v, ".", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return major, minor, err1 == nil && err2 == nil
}
