//go:build !cgo

package blazepose

import "math"

// The networks can't run in this build; what is correctly rounded stands for the C library's functions.

func atan2(y, x float32) float32 { return float32(math.Atan2(float64(y), float64(x))) }

func sincos(angle float32) (sin, cos float32) {
	s, c := math.Sincos(float64(angle))
	return float32(s), float32(c)
}

func exp(x float32) float32 { return float32(math.Exp(float64(x))) }

func sigmoids(heat []float32, at layout, rows, columns int, to []float32) {
	for y := range rows {
		for x := range columns {
			to[y*columns+x] = sigmoid(heat[y*at.row+x*at.column])
		}
	}
}
