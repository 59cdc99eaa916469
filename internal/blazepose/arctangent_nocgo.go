//go:build !cgo

package blazepose

import "math"

// atan2 is the correctly rounded arc tangent. The networks can't run in this build.
func atan2(y, x float32) float32 { return float32(math.Atan2(float64(y), float64(x))) }
