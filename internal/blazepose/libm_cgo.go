//go:build cgo

package blazepose

/*
#cgo LDFLAGS: -lm
#cgo noescape sigmoids
#cgo nocallback sigmoids
#include <math.h>

// sigmoids are 1 / (1 + e^-x) of a rectangle of numbers.
static void sigmoids(const float *from, int row, int column, int rows, int columns, float *to) {
	for (int y = 0; y < rows; y++)
		for (int x = 0; x < columns; x++) *to++ = 1 / (1 + expf(-from[y * row + x * column]));
}
*/
import "C"

// MediaPipe calls the C library's functions, and so does this package: they are now and then one unit in the last place off,
// glibc's atan2f before 2.41 on every sixth angle, and that moves the crop.

func atan2(y, x float32) float32 { return float32(C.atan2f(C.float(y), C.float(x))) }

func sincos(angle float32) (sin, cos float32) {
	return float32(C.sinf(C.float(angle))), float32(C.cosf(C.float(angle)))
}

func exp(x float32) float32 { return float32(C.expf(C.float(x))) }

// sigmoids writes those of a rectangle of a heat map, row by row.
func sigmoids(heat []float32, at layout, rows, columns int, to []float32) {
	_, _ = heat[(rows-1)*at.row+(columns-1)*at.column], to[rows*columns-1]
	C.sigmoids((*C.float)(&heat[0]), C.int(at.row), C.int(at.column), C.int(rows), C.int(columns), (*C.float)(&to[0]))
}
