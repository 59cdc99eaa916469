package frame

import (
	"fmt"
	"image"

	"plumbline/internal/hugepage"
	"plumbline/internal/posture"
)

// maxKeptBytes is the largest scratch buffer that outlives a picture: 1080p fits several times, a 50-megapixel one
// would hold 150 MB for ever.
const maxKeptBytes = 32 << 20

// Decoder decodes pictures one after the other and keeps its working memory between them. It is not safe for concurrent
// use: one per goroutine.
type Decoder struct {
	limits  Limits
	sideway posture.Frame // a picture before it is turned upright
	cmyk    []byte
}

// NewDecoder fails only in a build without a JPEG decoder (CGO_ENABLED=0).
func NewDecoder(l Limits) (*Decoder, error) {
	if err := turboAvailable(); err != nil {
		return nil, fmt.Errorf("making a picture decoder: %w", err)
	}
	return &Decoder{limits: l.withDefaults()}, nil
}

// Decode decodes a picture into an upright frame, reusing into.Pix where it is large enough. What cannot be decoded is
// a *Refusal, and into's pixels are then undefined.
func (d *Decoder) Decode(picture []byte, into *posture.Frame) error {
	return d.DecodeOnto(picture, into, nil)
}

// DecodeOnto is Decode that also gives the picture to draw on, as Ground makes it, unless ground is nil.
func (d *Decoder) DecodeOnto(picture []byte, into *posture.Frame, ground *image.YCbCr) error {
	h, err := Inspect(picture, d.limits)
	if err != nil {
		return fmt.Errorf("decoding picture: %w", err)
	}
	defer d.forgetLarge()
	if ground != nil && decodeBoth(picture, h, into, ground) {
		return nil
	}
	if err := d.decodeUpright(picture, h, into); err != nil {
		return fmt.Errorf("decoding picture: %w", err)
	}
	if ground == nil {
		return nil
	}
	return Ground(into, ground)
}

// decodeBoth decodes what most cameras send, JPEGs whose planes are the ground already: making these of pixels again would cost a
// quarter of all that is done for annotated pictures. It says whether it could.
func decodeBoth(picture []byte, h Header, into *posture.Frame, ground *image.YCbCr) bool {
	if !fastPlanes || h.Format != JPEG || h.Orientation != Upright || h.components == 4 {
		return false
	}
	reshape(into, h.Width, h.Height)
	shape(ground, h.Width, h.Height)
	return decodeGround(picture, into.Pix, ground)
}

func (d *Decoder) decodeUpright(picture []byte, h Header, into *posture.Frame) error {
	stored := into
	if h.Orientation != Upright {
		stored = &d.sideway
	}
	width, height := h.stored()
	reshape(stored, width, height)
	if err := d.decodeStored(picture, h, stored); err != nil {
		return err
	}
	if stored != into {
		reshape(into, h.Width, h.Height)
		turn(into, stored, h.Orientation)
	}
	return nil
}

func (d *Decoder) decodeStored(picture []byte, h Header, into *posture.Frame) error {
	switch h.Format {
	case PNG:
		return decodePNG(picture, into.Pix)
	case WebP:
		return decodeWebP(picture, into.Pix)
	}
	if h.components != 4 {
		return decodeJPEG(picture, into.Width, into.Height, rgb, into.Pix)
	}
	return d.decodeCMYK(picture, into)
}

func (d *Decoder) decodeCMYK(picture []byte, into *posture.Frame) error {
	d.cmyk = resize(d.cmyk, 4*into.Width*into.Height)
	if err := decodeJPEG(picture, into.Width, into.Height, cmyk, d.cmyk); err != nil {
		return err
	}
	cmykToRGB(into.Pix, d.cmyk)
	return nil
}

func (d *Decoder) forgetLarge() {
	if cap(d.sideway.Pix) > maxKeptBytes {
		d.sideway.Pix = nil
	}
	if cap(d.cmyk) > maxKeptBytes {
		d.cmyk = nil
	}
}

func reshape(f *posture.Frame, width, height int) {
	f.Width, f.Height = width, height
	f.Pix = resize(f.Pix, 3*width*height)
}

// resize returns a slice of n bytes with undefined content, b's own memory where that suffices.
func resize(b []byte, n int) []byte {
	if n <= cap(b) {
		return b[:n]
	}
	b = make([]byte, n) // not slices.Grow, which writes zeros before the advice
	hugepage.Advise(b)
	return b
}
