//go:build cgo

package blazepose

import "plumbline/internal/posture"

// Resampler is one variant of the C code.
type Resampler func(f *posture.Frame, m *Matrix, side int, outside Border, values *Values, out []float32)

// Resamplers are the variants that this CPU can run.
func Resamplers() map[string]Resampler {
	all := map[string]Resampler{}
	for i, name := range []string{"portable", "AVX2", "AVX-512"} {
		if i <= int(instructions) {
			all[name] = func(f *posture.Frame, m *Matrix, side int, outside Border, values *Values, out []float32) {
				resampleVariant(i, f, m, side, outside, values, out)
			}
		}
	}
	return all
}
