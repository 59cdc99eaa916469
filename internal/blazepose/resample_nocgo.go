//go:build !cgo

package blazepose

import (
	"errors"

	"plumbline/internal/posture"
)

// ReadsPlanes reports whether this processor finds poses in frames that are planes.
func ReadsPlanes() bool { return false }

func checkPlanes(*posture.Frame) error { return errors.New("this build reads no planes") }

// resample is the Go code where there is no C compiler. The networks can't run there either.
func resample(f *posture.Frame, m *matrix, side int, outside border, values *byteValues, out []float32) {
	resampleGo(f, m, side, outside, values, out)
}
