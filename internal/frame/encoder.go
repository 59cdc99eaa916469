package frame

import (
	"bytes"
	"fmt"

	"plumbline/internal/posture"
)

// DefaultQuality of annotated pictures: lines and text stay clean.
const DefaultQuality = 85

// Encoder writes frames as JPEG (4:2:0, the fast DCT). It keeps its working memory between pictures and is not safe for
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

// Encode returns the frame as a JPEG in memory of its own, the caller's to keep.
func (e *Encoder) Encode(f *posture.Frame) ([]byte, error) {
	if f.Width < 1 || f.Height < 1 || len(f.Pix) != 3*f.Width*f.Height {
		return nil, fmt.Errorf("encoding picture: %d bytes are no frame of %d x %d pixels", len(f.Pix), f.Width, f.Height)
	}
	e.buffer = resize(e.buffer, largestJPEG(f.Width, f.Height))
	n, err := encodeJPEG(f, e.quality, e.buffer)
	if err != nil {
		return nil, fmt.Errorf("encoding picture: %w", err)
	}
	out := bytes.Clone(e.buffer[:n])
	if cap(e.buffer) > maxKeptBytes {
		e.buffer = nil
	}
	return out, nil
}
