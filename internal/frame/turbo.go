//go:build cgo

package frame

/*
#cgo LDFLAGS: -l:libturbojpeg.a
#include <stdio.h>
#include <string.h>
#include <turbojpeg.h>

// Each picture gets a compressor or decompressor of its own (a few microseconds): libjpeg keeps Huffman and quantization
// tables from one picture to the next, so that a damaged or table-less JPEG would spoil, or be shaped by, its neighbours.

typedef struct { char text[200]; } message;

static void explain(tjhandle h, message *m) { snprintf(m->text, sizeof m->text, "%s", tjGetErrorStr2(h)); }

// decode returns 0, -1 with a message, or 1 when libjpeg reads other sides than the caller did. The header call fails
// for subsamplings that TurboJPEG has no name for, yet gives the sides, and the picture can be decoded. pix is never
// written beyond width x height. Warnings are no error: cv2.imread accepts a damaged scan.
static int decode(const unsigned char *jpeg, unsigned long size, unsigned char *pix, int width, int height, int format,
                  message *m) {
	int w = 0, h = 0, subsampling, colorspace, result = -1;
	tjhandle handle = tjInitDecompress();
	if (handle != NULL) {
		tjDecompressHeader3(handle, jpeg, size, &w, &h, &subsampling, &colorspace);
		if (w < 1 || h < 1) {
			result = -1;
		} else if (w != width || h != height) {
			result = 1;
		} else {
			result = tjDecompress2(handle, jpeg, size, pix, width, 0, height, format, TJFLAG_LIMITSCANS);
			if (result != 0 && tjGetErrorCode(handle) == TJERR_WARNING) result = 0;
		}
	}
	explain(handle, m);
	if (handle != NULL) tjDestroy(handle);
	return result;
}

// A picture's planes for writing: 4:2:0, both sides of luma rounded up to even.
typedef struct { unsigned char *luma, *blue, *red; int luma_stride, chroma_stride, width, height; } ground;

// decode_planes gives the planes of a grey or 4:2:0 JPEG as it holds them. It returns -1 for all others, and where anything is wrong.
static int decode_planes(const unsigned char *jpeg, unsigned long size, ground g) {
	int w = 0, h = 0, subsampling = -1, colorspace = -1, result = -1;
	unsigned char *planes[] = {g.luma, g.blue, g.red};
	int strides[] = {g.luma_stride, g.chroma_stride, g.chroma_stride};
	tjhandle handle = tjInitDecompress();
	if (handle == NULL) return -1;
	int known = tjDecompressHeader3(handle, jpeg, size, &w, &h, &subsampling, &colorspace) == 0 && w == g.width && h == g.height;
	int gray = subsampling == TJSAMP_GRAY && colorspace == TJCS_GRAY;
	if (known && (gray || (subsampling == TJSAMP_420 && colorspace == TJCS_YCbCr))) {
		result = tjDecompressToYUVPlanes(handle, jpeg, size, planes, g.width, strides, g.height, TJFLAG_LIMITSCANS);
		if (result != 0 && tjGetErrorCode(handle) == TJERR_WARNING) result = 0;
	}
	if (gray && result == 0) {
		size_t samples = (size_t)g.chroma_stride * (size_t)((g.height + 1) / 2);
		memset(g.blue, 128, samples);
		memset(g.red, 128, samples);
	}
	tjDestroy(handle);
	return result;
}

// separate makes planes of pixels.
static int separate(const unsigned char *pix, ground g, message *m) {
	unsigned char *planes[] = {g.luma, g.blue, g.red};
	int strides[] = {g.luma_stride, g.chroma_stride, g.chroma_stride}, result = -1;
	tjhandle handle = tjInitCompress();
	if (handle != NULL) result = tjEncodeYUVPlanes(handle, pix, g.width, 0, g.height, TJPF_RGB, planes, strides, TJSAMP_420, 0);
	explain(handle, m);
	if (handle != NULL) tjDestroy(handle);
	return result;
}

static int encode(ground g, int quality, unsigned char *jpeg, unsigned long *size, message *m) {
	const unsigned char *planes[] = {g.luma, g.blue, g.red};
	int strides[] = {g.luma_stride, g.chroma_stride, g.chroma_stride}, result = -1;
	tjhandle handle = tjInitCompress();
	if (handle != NULL)
		result = tjCompressFromYUVPlanes(handle, planes, g.width, strides, g.height, TJSAMP_420, &jpeg, size, quality,
		                                 TJFLAG_NOREALLOC | TJFLAG_FASTDCT);
	explain(handle, m);
	if (handle != NULL) tjDestroy(handle);
	return result;
}
*/
import "C"

import (
	"fmt"
	"image"
	"runtime"
	"unsafe"

	"plumbline/internal/posture"
)

// turboAvailable is nil where libjpeg-turbo is built in.
func turboAvailable() error { return nil }

// decodeJPEG fills pix with samples of a frame's size; format is rgb or cmyk. Decoding keeps libjpeg's defaults, which
// OpenCV uses: the accurate integer DCT and smooth chroma up-sampling. Only progressive pictures of more than 500 scans,
// which cost hours for few bytes, are stopped.
func decodeJPEG(picture []byte, width, height int, format turboFormat, pix []byte) error {
	var m C.message
	switch C.decode(bytePointer(picture), C.ulong(len(picture)), bytePointer(pix), C.int(width), C.int(height), C.int(format), &m) {
	case 0:
		return nil
	case 1:
		return refuse("the JPEG's header contradicts itself: it is damaged")
	}
	return refuse("the JPEG is damaged: %s", C.GoString(&m.text[0]))
}

type turboFormat C.int

const (
	rgb  turboFormat = C.TJPF_RGB
	cmyk turboFormat = C.TJPF_CMYK
)

// largestJPEG returns how many bytes a JPEG of this size can't exceed.
func largestJPEG(width, height int) int {
	return int(C.tjBufSize(C.int(width), C.int(height), C.TJSAMP_420))
}

// decodePlanes decodes a JPEG into the planes that it holds. It does nothing of use, and says so, where it holds no such planes or
// cannot be decoded: decodeJPEG can then, or says what is wrong.
func decodePlanes(picture []byte, ground *image.YCbCr) bool {
	g, held := planesOf(ground)
	defer held.Unpin()
	return C.decode_planes(bytePointer(picture), C.ulong(len(picture)), g) == 0
}

// separate makes planes of a frame's pixels.
func separate(f *posture.Frame, ground *image.YCbCr) error {
	var m C.message
	g, held := planesOf(ground)
	defer held.Unpin()
	if C.separate(bytePointer(f.Pix), g, &m) != 0 {
		return fmt.Errorf("libjpeg-turbo: %s", C.GoString(&m.text[0]))
	}
	return nil
}

// encodeJPEG writes into out, which has largestJPEG bytes, and returns how many it wrote.
func encodeJPEG(ground *image.YCbCr, quality int, out []byte) (int, error) {
	var m C.message
	size := C.ulong(len(out))
	g, held := planesOf(ground)
	defer held.Unpin()
	if C.encode(g, C.int(quality), bytePointer(out), &size, &m) != 0 {
		return 0, fmt.Errorf("libjpeg-turbo: %s", C.GoString(&m.text[0]))
	}
	return int(size), nil
}

// planesOf gives C the planes, pinned until they are unpinned.
func planesOf(ground *image.YCbCr) (C.ground, *runtime.Pinner) {
	g := C.ground{
		luma: bytePointer(ground.Y), blue: bytePointer(ground.Cb), red: bytePointer(ground.Cr),
		luma_stride: C.int(ground.YStride), chroma_stride: C.int(ground.CStride),
		width: C.int(ground.Rect.Dx()), height: C.int(ground.Rect.Dy()),
	}
	held := new(runtime.Pinner)
	held.Pin(g.luma)
	held.Pin(g.blue)
	held.Pin(g.red)
	return g, held
}

func bytePointer(b []byte) *C.uchar { return (*C.uchar)(unsafe.Pointer(unsafe.SliceData(b))) }
