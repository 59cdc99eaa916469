//go:build cgo

package blazepose

/*
#cgo noescape resample
#cgo nocallback resample
#include "resample.h"
*/
import "C"

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/cpu"

	"plumbline/internal/posture"
)

// instructions is the best variant of the C code that this CPU can run.
var instructions = func() C.int {
	switch {
	case cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL:
		return C.RESAMPLE_AVX512
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		return C.RESAMPLE_AVX2
	}
	return C.RESAMPLE_PORTABLE
}()

// resample reads a picture at the positions to which m leads from the crop's pixels.
func resample(f *posture.Frame, m *matrix, side int, outside border, values *byteValues, out []float32) {
	resampleVariant(int(instructions), f, m, side, outside, values, out)
}

// resampleVariant runs one variant of the C code; the CPU must have its instructions.
func resampleVariant(variant int, f *posture.Frame, m *matrix, side int, outside border, values *byteValues, out []float32) {
	_ = f.Pix[3*f.Width*f.Height-1]
	_ = out[3*side*side-1]
	job := C.struct_resample{
		width: C.int(f.Width), height: C.int(f.Height), side: C.int(side),
		scale: C.float(values.scale), offset: C.float(values.offset),
	}
	if outside == zeroBorder {
		job.zero_border = 1
	}
	for i, v := range m {
		job.matrix[i] = C.double(v)
	}
	C.resample(&job, C.int(variant), (*C.uint8_t)(unsafe.Pointer(&f.Pix[0])), (*C.float)(unsafe.Pointer(&out[0])))
	runtime.KeepAlive(f)
}
