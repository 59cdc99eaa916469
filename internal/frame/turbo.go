//go:build cgo

package frame

/*
#cgo LDFLAGS: -l:libturbojpeg.a
#include <stdio.h>
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

static int encode(const unsigned char *pix, int width, int height, int quality, unsigned char *jpeg, unsigned long *size,
                  message *m) {
	int result = -1;
	tjhandle handle = tjInitCompress();
	if (handle != NULL)
		result = tjCompress2(handle, pix, width, 0, height, TJPF_RGB, &jpeg, size, TJSAMP_420, quality,
		                     TJFLAG_NOREALLOC | TJFLAG_FASTDCT);
	explain(handle, m);
	if (handle != NULL) tjDestroy(handle);
	return result;
}
*/
import "C"

import (
	"fmt"
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

// encodeJPEG writes into out, which has largestJPEG bytes, and returns how many it wrote.
func encodeJPEG(f *posture.Frame, quality int, out []byte) (int, error) {
	var m C.message
	size := C.ulong(len(out))
	if C.encode(bytePointer(f.Pix), C.int(f.Width), C.int(f.Height), C.int(quality), bytePointer(out), &size, &m) != 0 {
		return 0, fmt.Errorf("libjpeg-turbo: %s", C.GoString(&m.text[0]))
	}
	return int(size), nil
}

func bytePointer(b []byte) *C.uchar { return (*C.uchar)(unsafe.Pointer(unsafe.SliceData(b))) }
