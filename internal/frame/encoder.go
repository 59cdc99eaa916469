package frame

import (
	"bytes"
	"errors"
	"fmt"
	"image"
)

// DefaultQuality of annotated pictures: lines and text stay clean.
const DefaultQuality = 85

// Encoder writes pictures as JPEG (4:2:0, the fast DCT). It keeps its working memory between pictures and is not safe for
// concurrent use: one per goroutine.
type Encoder struct {
	quality int
	buffer  []byte
}

// NewEncoder takes a quality of 1..100; 0 is DefaultQuality.
func NewEncoder(quality int) (*Encoder, error) {
	if quality == 0 {
		quality = DefaultQuality
	}
	if quality < 1 || quality > 100 {
		return nil, fmt.Errorf("a JPEG's quality is 1 to 100, not %d", quality)
	}
	if err := turboAvailable(); err != nil {
		return nil, fmt.Errorf("making a picture encoder: %w", err)
	}
	return &Encoder{quality: quality}, nil
}

// Encode returns a ground as a JPEG in memory of its own, the caller's to keep.
func (e *Encoder) Encode(ground *image.YCbCr) ([]byte, error) {
	if !shaped(ground) {
		return nil, errors.New("encoding picture: these planes were not made by this package")
	}
	e.buffer = resize(e.buffer, largestJPEG(ground.Rect.Dx(), ground.Rect.Dy()))
	n, err := encodeJPEG(ground, e.quality, e.buffer)
	if err != nil {
		return nil, fmt.Errorf("encoding picture: %w", err)
	}
	out := bytes.Clone(e.buffer[:n])
	if cap(e.buffer) > maxKeptBytes {
		e.buffer = nil
	}
	return out, nil
}
