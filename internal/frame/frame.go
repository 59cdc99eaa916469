// Package frame turns a picture from outside (JPEG, PNG or WebP) into an upright frame, pixel for pixel as Python's
// OpenCV (cv2.imread 4.11) sees it, and into the planes (4:2:0) that are drawn on and encoded as a JPEG. It is the only door to
// libjpeg-turbo.
//
// Most JPEGs hold such planes. For those that read pixels out of planes themselves no pixels are made at all, which spares a third
// of decoding and encoding; all other pictures come as pixels.
//
// It refuses, with a *Refusal whose reason a person can act on, whatever OpenCV refuses, and what lies beyond the Limits.
// Like cv2.imread (and unlike cv2.imdecode) it accepts a damaged or truncated JPEG whose header is sound; what is missing
// is grey. No pixel is allocated before the header was checked. Beyond OpenCV it refuses animated WebP, progressive JPEGs
// of more than 500 scans, and PNGs with pixels left over after the last row.
package frame

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// DefaultMaxBytes and DefaultMaxPixels are the limits where none are given.
const (
	DefaultMaxBytes  = 8 << 20
	DefaultMaxPixels = 50_000_000
)

// maxSide is the longest side in pixels that OpenCV reads (CV_IO_MAX_IMAGE_WIDTH and _HEIGHT).
const maxSide = 1 << 20

// Limits bounds what is decoded; zero fields mean the defaults.
type Limits struct {
	MaxBytes  int64 // of the encoded picture
	MaxPixels int64 // width times height
}

func (l Limits) withDefaults() Limits {
	if l.MaxBytes == 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	if l.MaxPixels == 0 {
		l.MaxPixels = DefaultMaxPixels
	}
	return l
}

// Refusal says why bytes are not a picture that can be analysed. Any other error of this package is a fault of ours.
type Refusal struct{ Reason string }

func (r *Refusal) Error() string { return r.Reason }

// Permanent says that decoding the same bytes again would not help.
func (r *Refusal) Permanent() bool { return true }

// IsRefusal reports whether err means that the picture is bad, rather than that something here went wrong.
func IsRefusal(err error) bool {
	var r *Refusal
	return errors.As(err, &r)
}

// flaw says what a decoder found, without its name in front.
func flaw(err error, prefix string) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "ends too early: it is truncated"
	}
	return "is damaged: " + strings.TrimPrefix(err.Error(), prefix)
}

func refuse(format string, args ...any) error {
	return &Refusal{Reason: fmt.Sprintf(format, args...)}
}

// Format is how a picture is encoded.
type Format string

// The formats that can be decoded.
const (
	JPEG Format = "JPEG"
	PNG  Format = "PNG"
	WebP Format = "WebP"
)

// Header is what a picture says of itself before any pixel is decoded.
type Header struct {
	Format        Format
	Width, Height int         // in pixels, of the upright picture
	Orientation   Orientation // how the stored picture must be turned to be upright

	components int // of a JPEG; 4 is CMYK or YCCK
}

// stored returns width and height as the file holds them, before the orientation is applied.
func (h Header) stored() (width, height int) {
	if h.Orientation.swapsSides() {
		return h.Height, h.Width
	}
	return h.Width, h.Height
}

// Inspect reads a picture's header only and gives the reason for what can't be a picture, or one beyond the limits, as
// a *Refusal. That it accepts is no promise that the pixels can be decoded.
func Inspect(picture []byte, l Limits) (Header, error) {
	l = l.withDefaults()
	if n := int64(len(picture)); n > l.MaxBytes {
		return Header{}, refuse("the picture has %d bytes, more than the limit of %d", n, l.MaxBytes)
	}
	h, err := readHeader(picture)
	if err != nil {
		return Header{}, err
	}
	if err := checkSize(h.Width, h.Height, l); err != nil {
		return Header{}, err
	}
	if h.Orientation.swapsSides() {
		h.Width, h.Height = h.Height, h.Width
	}
	return h, nil
}

// readHeader returns the header with the sides as stored.
func readHeader(picture []byte) (Header, error) {
	switch {
	case isJPEG(picture):
		return readJPEGHeader(picture)
	case isPNG(picture):
		return readPNGHeader(picture)
	case isWebP(picture):
		return readWebPHeader(picture)
	}
	return Header{}, refuse("not a picture that can be read (JPEG, PNG or WebP): %s", looksLike(picture))
}

func checkSize(width, height int, l Limits) error {
	switch pixels := int64(width) * int64(height); {
	case width <= 0 || height <= 0:
		return refuse("the picture says it is %d x %d pixels: it is empty", width, height)
	case pixels > l.MaxPixels:
		return refuse("the picture is %d x %d = %s pixels, more than the limit of %s",
			width, height, inMillions(pixels), inMillions(l.MaxPixels))
	case width > maxSide || height > maxSide:
		return refuse("the picture is %d x %d pixels; no side may be longer than %d", width, height, maxSide)
	}
	return nil
}

// inMillions writes round numbers of millions as such; 4225000000 is "4225 million".
func inMillions(pixels int64) string {
	switch {
	case pixels >= 100_000_000, pixels >= 1_000_000 && pixels%1_000_000 == 0:
		return fmt.Sprintf("%d million", pixels/1_000_000)
	case pixels >= 1_000_000:
		return fmt.Sprintf("%.1f million", float64(pixels)/1e6)
	}
	return fmt.Sprint(pixels)
}
