package blazepose

import (
	"math"

	"plumbline/internal/posture"
)

// resampleGo is resample in Go: the definition that the C code is tested against, and what builds without cgo use.
// m leads from the crop's pixels to the picture's.
func resampleGo(f *posture.Frame, m *matrix, side int, outside border, values *byteValues, out []float32) {
	plane := side * side
	for y := range side {
		for x := range side {
			u, v := position(m, x, y)
			var sum [3]int32
			for tap := range int64(4) {
				i, j := tap&1, tap>>1
				px, py := u>>5+i, v>>5+j
				if px < 0 || py < 0 || px >= int64(f.Width) || py >= int64(f.Height) {
					if outside == zeroBorder {
						continue
					}
					px, py = min(max(px, 0), int64(f.Width)-1), min(max(py, 0), int64(f.Height)-1)
				}
				weight := weightOf(u&31, i) * weightOf(v&31, j)
				at := (py*int64(f.Width) + px) * 3
				for c := range sum {
					sum[c] += weight * int32(f.Pix[at+int64(c)])
				}
			}
			for c := range sum {
				out[c*plane+y*side+x] = values.of(int(sum[c]+512) >> 10)
			}
		}
	}
}

// weightOf is the 5-bit weight of the left or upper (0) or the other (1) neighbour.
func weightOf(fraction, neighbour int64) int32 {
	if neighbour == 1 {
		return int32(fraction)
	}
	return int32(32 - fraction)
}

// position is where in the picture a crop's pixel lies, in 1/32 pixels. cv::warpPerspective works in blocks of 64 columns
// and adds within a block to the block's start.
func position(m *matrix, x, y int) (u, v int64) {
	start, within := float64(x&^63), float64(x&63)
	row := func(i int) float64 {
		first := float64(m[i]*start) + float64(m[i+1]*float64(y)) + m[i+2]
		return first + float64(m[i]*within)
	}
	w := row(6)
	if w != 0 {
		w = 32 / w
	}
	return fixed(row(0) * w), fixed(row(3) * w)
}

// fixed rounds to the nearest integer of 32 bits, ties to even. What isn't a number becomes the least.
func fixed(v float64) int64 {
	if !(v > math.MinInt32) {
		return math.MinInt32
	}
	if v >= math.MaxInt32 {
		return math.MaxInt32
	}
	return int64(math.RoundToEven(v))
}
