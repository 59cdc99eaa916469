package blazepose

import (
	"math"

	"plumbline/internal/posture"
)

// border is what lies outside a picture.
type border int

const (
	zeroBorder      border = iota // black
	replicateBorder               // the nearest pixel
)

// byteValues maps a pixel's byte to the network's input: byte*scale + offset in float32, rounded once (OpenCV's convertTo
// uses the CPU's fused instruction).
type byteValues struct{ scale, offset float32 }

// newByteValues maps 0..255 to low..high, as GetValueRangeTransformation does.
func newByteValues(low, high float32) byteValues {
	return byteValues{scale: (high - low) / 255, offset: low}
}

// of is exact before its one rounding: the product has 32 bits, the sum fewer than float64's 53.
func (v byteValues) of(b int) float32 {
	return float32(float64(b)*float64(v.scale) + float64(v.offset))
}

// sample cuts a rotated square out of a picture and scales it to side x side pixels: three planes (red, green, blue) of
// float32, out[(plane*side+y)*side+x]. It mirrors OpenCvProcessor of ImageToTensorCalculator, to the bit: the square's corners
// in float32 (cv::boxPoints), the projection in float64 (cv::getPerspectiveTransform and its inverse), the picture read as
// cv::warpPerspective reads bytes: positions rounded to 1/32 pixel, ties to even, weights of 5 bits, sums rounded.
//
// The frame must hold Width x Height pixels, at least one.
func sample(f *posture.Frame, square posture.Region, side int, outside border, values *byteValues, out []float32) {
	m := inverse(perspective(corners(square), float64(side)))
	resample(f, &m, side, outside, values, out[:3*side*side])
}

// matrix is 3 x 3, by rows.
type matrix [9]float64

// corners are those of cv::boxPoints, in its order: for a square that isn't turned lower left, upper left, upper right,
// lower right.
func corners(r posture.Region) [4]point {
	degrees := float32(float64(r.Rotation*180) / math.Pi) // cv::RotatedRect's unit
	angle := float64(float64(degrees)*math.Pi) / 180
	b := float32(math.Cos(angle)) * 0.5
	a := float32(math.Sin(angle)) * 0.5
	as, bs := float32(a*r.Side), float32(b*r.Side)
	p0 := point{r.CenterX - as - bs, r.CenterY + bs - as}
	p1 := point{r.CenterX + as - bs, r.CenterY - bs - as}
	return [4]point{p0, p1,
		{2*r.CenterX - p0.x, 2*r.CenterY - p0.y},
		{2*r.CenterX - p1.x, 2*r.CenterY - p1.y}}
}

// perspective is the projection of four points to (0, n), (0, 0), (n, 0), (n, n). It mirrors cv::getPerspectiveTransform:
// eight linear equations, solved in float64.
func perspective(from [4]point, n float64) matrix {
	to := [4][2]float64{{0, n}, {0, 0}, {n, 0}, {n, n}}
	var a [8][8]float64
	var b [8]float64
	for i, p := range from {
		x, y := float64(p.x), float64(p.y)
		a[i] = [8]float64{x, y, 1, 0, 0, 0, -x * to[i][0], -y * to[i][0]}
		a[i+4] = [8]float64{0, 0, 0, x, y, 1, -x * to[i][1], -y * to[i][1]}
		b[i], b[i+4] = to[i][0], to[i][1]
	}
	solve(&a, &b)
	return matrix{b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], 1}
}

// solve solves a x = b by Gaussian elimination with partial pivoting, in cv::hal::LU64f's order; b becomes x. A singular
// system (a square without extent) leaves something without meaning, but finite or not a number.
func solve(a *[8][8]float64, b *[8]float64) {
	const n = len(b)
	for i := range n {
		k := i
		for j := i + 1; j < n; j++ {
			if math.Abs(a[j][i]) > math.Abs(a[k][i]) {
				k = j
			}
		}
		a[i], a[k] = a[k], a[i]
		b[i], b[k] = b[k], b[i]
		d := -1 / a[i][i]
		for j := i + 1; j < n; j++ {
			alpha := a[j][i] * d
			for c := i + 1; c < n; c++ {
				a[j][c] += float64(alpha * a[i][c])
			}
			b[j] += float64(alpha * b[i])
		}
	}
	for i := n - 1; i >= 0; i-- {
		s := b[i]
		for c := i + 1; c < n; c++ {
			s -= float64(a[i][c] * b[c])
		}
		b[i] = s / a[i][i]
	}
}

// inverse is cv::invert's closed form for 3 x 3.
func inverse(m matrix) matrix {
	minor := func(a, b, c, d int) float64 { return float64(m[a]*m[b]) - float64(m[c]*m[d]) }
	d := float64(m[0]*minor(4, 8, 5, 7)) - float64(m[1]*minor(3, 8, 5, 6)) + float64(m[2]*minor(3, 7, 4, 6))
	if d != 0 {
		d = 1 / d
	}
	return matrix{
		minor(4, 8, 5, 7) * d, minor(2, 7, 1, 8) * d, minor(1, 5, 2, 4) * d,
		minor(5, 6, 3, 8) * d, minor(0, 8, 2, 6) * d, minor(2, 3, 0, 5) * d,
		minor(3, 7, 4, 6) * d, minor(1, 6, 0, 7) * d, minor(0, 4, 1, 3) * d,
	}
}
