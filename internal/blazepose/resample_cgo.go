//go:build cgo

package blazepose

/*
#cgo noescape resample
#cgo nocallback resample
#include "resample.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"image"
	"math"
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
	if f.Planes != nil {
		resamplePlanes(f, m, side, outside, values, out)
		return
	}
	resampleVariant(int(instructions), f, m, side, outside, values, out)
}

// resampleVariant runs one variant of the C code; the CPU must have its instructions.
func resampleVariant(variant int, f *posture.Frame, m *matrix, side int, outside border, values *byteValues, out []float32) {
	_ = f.Pix[3*f.Width*f.Height-1]
	_ = out[3*side*side-1]
	job := newJob(f, m, side, outside, values)
	C.resample(&job, C.int(variant), (*C.uint8_t)(unsafe.Pointer(&f.Pix[0])), (*C.float)(unsafe.Pointer(&out[0])))
	runtime.KeepAlive(f)
}

// ReadsPlanes reports whether this processor finds poses in frames that are planes.
func ReadsPlanes() bool { return instructions == C.RESAMPLE_AVX512 }

// planesSlack is how many bytes beyond a plane the C code may read.
const planesSlack = 3

// checkPlanes refuses planes that the C code can't read.
func checkPlanes(f *posture.Frame) error {
	p := f.Planes
	columns, rows := (f.Width+1)/2, (f.Height+1)/2
	fits := func(plane []byte, stride, columns, rows int) bool {
		return stride >= columns && len(plane) >= stride*rows && cap(plane) >= stride*rows+planesSlack && len(plane) <= math.MaxInt32
	}
	switch {
	case !ReadsPlanes():
		return errors.New("this processor reads no planes")
	case f.Width < 5 || f.Height < 2 || p.Rect.Dx() != f.Width || p.Rect.Dy() != f.Height || p.SubsampleRatio != image.YCbCrSubsampleRatio420,
		!fits(p.Y, p.YStride, f.Width, f.Height), !fits(p.Cb, p.CStride, columns, rows), !fits(p.Cr, p.CStride, columns, rows):
		return fmt.Errorf("these planes are no picture of %d x %d pixels", f.Width, f.Height)
	}
	return nil
}

// resamplePlanes reads a picture in planes.
func resamplePlanes(f *posture.Frame, m *matrix, side int, outside border, values *byteValues, out []float32) {
	_ = out[3*side*side-1]
	job, planes := newJob(f, m, side, outside, values), f.Planes
	p := C.struct_planes{
		luma: bytePointer(planes.Y), blue: bytePointer(planes.Cb), red: bytePointer(planes.Cr),
		luma_stride: C.int32_t(planes.YStride), chroma_stride: C.int32_t(planes.CStride),
	}
	var held runtime.Pinner
	held.Pin(p.luma)
	held.Pin(p.blue)
	held.Pin(p.red)
	C.resample_planes(&job, &p, (*C.float)(unsafe.Pointer(&out[0])))
	held.Unpin()
}

func bytePointer(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(b))) }

func newJob(f *posture.Frame, m *matrix, side int, outside border, values *byteValues) C.struct_resample {
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
	return job
}
