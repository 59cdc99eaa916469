package frame

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"strings"
)

// decodePNG fills pix (RGB) as cv2.IMREAD_COLOR does: alpha dropped before any premultiplication, 16 bits by >> 8.
func decodePNG(picture []byte, pix []byte) error {
	m, err := png.Decode(pixelChunks(picture))
	if err != nil {
		return refuse("the PNG %s", flaw(err, "png: "))
	}
	if b := m.Bounds(); b.Dx()*b.Dy()*3 != len(pix) {
		return refuse("the PNG's header contradicts itself: it is damaged")
	}
	toRGB(m, pix)
	return nil
}

// pixelChunks reads a PNG without the chunks that don't matter to the pixels: where one of those is damaged, libpng,
// which OpenCV uses, warns; Go's reader would refuse the picture. A damaged tRNS is left out for the same reason.
func pixelChunks(picture []byte) io.Reader {
	parts := []io.Reader{strings.NewReader(pngSignature)}
	for c := range pngChunks(picture) {
		if c.critical() || c.kind() == "tRNS" && c.intact() {
			parts = append(parts, bytes.NewReader(c.whole))
		}
	}
	return io.MultiReader(parts...)
}

// toRGB copies the colours of any type that image/png or webp's lossless decoder returns.
func toRGB(m image.Image, pix []byte) {
	switch m := m.(type) {
	case *image.NRGBA:
		copySamples(pix, m.Pix, m.Stride, m.Rect, layout{step: 4, green: 1, blue: 2})
	case *image.RGBA: // only for pictures without alpha, so that nothing is premultiplied
		copySamples(pix, m.Pix, m.Stride, m.Rect, layout{step: 4, green: 1, blue: 2})
	case *image.NRGBA64:
		copySamples(pix, m.Pix, m.Stride, m.Rect, layout{step: 8, green: 2, blue: 4})
	case *image.RGBA64:
		copySamples(pix, m.Pix, m.Stride, m.Rect, layout{step: 8, green: 2, blue: 4})
	case *image.Gray:
		copySamples(pix, m.Pix, m.Stride, m.Rect, layout{step: 1})
	case *image.Gray16:
		copySamples(pix, m.Pix, m.Stride, m.Rect, layout{step: 2})
	case *image.Paletted:
		copyPalette(pix, m)
	default:
		copyAny(pix, m)
	}
}

// layout says where a pixel's samples lie, in bytes from its first; of 16-bit samples the high byte comes first.
type layout struct{ step, green, blue int }

func copySamples(pix, src []byte, stride int, r image.Rectangle, l layout) {
	for y := range r.Dy() {
		row := src[y*stride:]
		for x := range r.Dx() {
			s := row[x*l.step : x*l.step+l.step]
			d := pix[:3:3]
			d[0], d[1], d[2] = s[0], s[l.green], s[l.blue]
			pix = pix[3:]
		}
	}
}

func copyPalette(pix []byte, m *image.Paletted) {
	var colors [256][3]byte
	for i, c := range m.Palette {
		n := color.NRGBAModel.Convert(c).(color.NRGBA)
		colors[i] = [3]byte{n.R, n.G, n.B}
	}
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			pix = pix[copy(pix, colors[m.Pix[y*m.Stride+x]][:]):]
		}
	}
}

func copyAny(pix []byte, m image.Image) {
	b := m.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			n := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			pix = pix[copy(pix, []byte{n.R, n.G, n.B}):]
		}
	}
}
