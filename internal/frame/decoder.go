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
	h, err := Inspect(picture, d.limits)
	if err == nil {
		err = d.decodeUpright(picture, h, into)
	}
	if err != nil {
		return fmt.Errorf("decoding picture: %w", err)
	}
	return nil
}

// DecodeOnto gives the same picture twice: as a frame to measure, and as a ground to draw on and encode. Of what most cameras send,
// JPEGs with chroma of half the size, the planes are the ground, and where planesDo they are the frame, too: making pixels of
// them, and planes of pixels, would take longer than all drawing.
func (d *Decoder) DecodeOnto(picture []byte, into *posture.Frame, ground *image.YCbCr, planesDo bool) error {
	h, err := Inspect(picture, d.limits)
	if err != nil {
		return fmt.Errorf("decoding picture: %w", err)
	}
	if planesDo && holdsPlanes(h) {
		shape(ground, h.Width, h.Height)
		if decodePlanes(picture, ground) {
			*into = posture.Frame{Width: h.Width, Height: h.Height, Pix: into.Pix[:0], Planes: ground}
			return nil
		}
	}
	if err := d.decodeUpright(picture, h, into); err != nil {
		return fmt.Errorf("decoding picture: %w", err)
	}
	return Ground(into, ground)
}

// holdsPlanes is false where a picture's pixels are surely not those that libjpeg makes of planes by smoothing the chroma: it does
// not smooth in narrower pictures.
func holdsPlanes(h Header) bool {
	return h.Format == JPEG && h.Orientation == Upright && h.components != 4 && h.Width >= 5 && h.Height >= 2
}

func (d *Decoder) decodeUpright(picture []byte, h Header, into *posture.Frame) error {
	defer d.forgetLarge()
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
	f.Width, f.Height, f.Planes = width, height, nil
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
