//go:build cgo

package blazepose

/*
#cgo LDFLAGS: -lm
#include <math.h>
*/
import "C"

// atan2 is the C library's atan2f, which MediaPipe calls: glibc's before 2.41 is one unit in the last place off on every sixth
// angle, and that moves the crop.
func atan2(y, x float32) float32 { return float32(C.atan2f(C.float(y), C.float(x))) }
