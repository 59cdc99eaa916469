//go:build !cgo

package frame

import (
	"errors"
	"image"

	"plumbline/internal/posture"
)

var errNoTurbo = errors.New("this build cannot decode or encode pictures: it was made without cgo (CGO_ENABLED=0)")

func turboAvailable() error { return errNoTurbo }

type turboFormat int

const (
	rgb turboFormat = iota
	cmyk
)

func decodeJPEG([]byte, int, int, turboFormat, []byte) error { return errNoTurbo }

func largestJPEG(int, int) int { return 0 }

func decodePlanes([]byte, *image.YCbCr) bool { return false }

func separate(*posture.Frame, *image.YCbCr) error { return errNoTurbo }

func encodeJPEG(*image.YCbCr, int, []byte) (int, error) { return 0, errNoTurbo }
