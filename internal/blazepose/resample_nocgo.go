//go:build !cgo

package blazepose

import "plumbline/internal/posture"

// resample is the Go code where there is no C compiler. The networks can't run there either.
func resample(f *posture.Frame, m *matrix, side int, outside border, values *byteValues, out []float32) {
	resampleGo(f, m, side, outside, values, out)
}
