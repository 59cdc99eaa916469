package frame

import (
	"bytes"
	"image"

	"golang.org/x/image/webp"
)

// decodeWebP fills pix (RGB) as OpenCV does through libwebp: alpha dropped, and a lossy picture's chroma up-sampled and
// converted by libwebp's own arithmetic. (golang.org/x/image decodes the planes; its conversion to RGB takes the nearest
// chroma sample and JPEG's full range, which is another picture.)
func decodeWebP(picture []byte, pix []byte) error {
	m, err := webp.Decode(bytes.NewReader(picture))
	if err != nil {
		return refuse("the WebP %s", flaw(err, "webp: "))
	}
	if b := m.Bounds(); b.Dx()*b.Dy()*3 != len(pix) {
		return refuse("the WebP's header contradicts itself: it is damaged")
	}
	switch m := m.(type) {
	case *image.YCbCr:
		lossyToRGB(m, pix)
	case *image.NYCbCrA:
		lossyToRGB(&m.YCbCr, pix)
	default:
		toRGB(m, pix)
	}
	return nil
}

// lossyToRGB follows libwebp's src/dec/io_dec.c (EmitFancyRGB): the first row, and the last of an even height, lie next
// to one chroma row only; every other pair of rows lies between two.
func lossyToRGB(m *image.YCbCr, pix []byte) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	for y := range h {
		near := y / 2
		far := near - 1 // the chroma row on the other side
		if y%2 == 1 {
			far = near + 1
		}
		far = min(max(far, 0), (h-1)/2)
		lossyRow(pix[y*w*3:(y+1)*w*3], m.Y[y*m.YStride:][:w],
			chromaRow{m.Cb[near*m.CStride:], m.Cb[far*m.CStride:]},
			chromaRow{m.Cr[near*m.CStride:], m.Cr[far*m.CStride:]})
	}
}

// chromaRow holds the samples of a row of one colour difference and of its neighbour on the far side.
type chromaRow struct{ near, far []byte }

// at up-samples by libwebp's weights, 9 3 3 1 of 16, in the order of rounding of src/dsp/upsampling.c; at the edges,
// where there is no further column, 3 1 of 4.
func (c chromaRow) at(x, width int) int {
	i := x / 2
	j := i - 1 // the column on the other side
	if x%2 == 1 {
		j = i + 1
	}
	n, f := int(c.near[i]), int(c.far[i])
	if j < 0 || j > (width-1)/2 {
		return (3*n + f + 2) >> 2
	}
	nj, fj := int(c.near[j]), int(c.far[j])
	sum := n + f + nj + fj + 8
	return ((sum+2*(f+nj))>>3 + n) >> 1
}

func lossyRow(pix, luma []byte, u, v chromaRow) {
	for x, y := range luma {
		d := pix[3*x : 3*x+3 : 3*x+3]
		d[0], d[1], d[2] = videoToRGB(int(y), u.at(x, len(luma)), v.at(x, len(luma)))
	}
}

// videoToRGB is libwebp's src/dsp/yuv.h: BT.601 in video range, 14 bits of fraction, the products cut to 8 fewer.
func videoToRGB(y, u, v int) (r, g, b byte) {
	y = y * 19077 >> 8
	return clip6(y + v*26149>>8 - 14234), clip6(y - u*6419>>8 - v*13320>>8 + 8708), clip6(y + u*33050>>8 - 17685)
}

func clip6(v int) byte { return byte(min(max(v>>6, 0), 255)) }
