// Package pixels makes pixels of planes as libjpeg does, one by one: what faster ways are compared with. It is for tests.
package pixels

import "image"

// OfPlanes gives red, green and blue of each pixel of a 4:2:0 picture that is at least five pixels wide.
func OfPlanes(p *image.YCbCr) []byte {
	var pix []byte
	for y := range p.Rect.Dy() {
		for x := range p.Rect.Dx() {
			luma := int(p.Y[y*p.YStride+x])
			cb, cr := smooth(p, p.Cb, x, y)-128, smooth(p, p.Cr, x, y)-128
			pix = append(pix,
				clamp(luma+(91881*cr+1<<15)>>16),           // 1.402
				clamp(luma+(-22554*cb-46802*cr+1<<15)>>16), // 0.34414, 0.71414
				clamp(luma+(116130*cb+1<<15)>>16))          // 1.772
		}
	}
	return pix
}

// smooth is the "fancy up-sampling" of jdsample.c, h2v2_fancy_upsample: nine parts of the nearest sample, three of each next
// nearest, one of the one across, rounded up to the left and down to the right.
func smooth(p *image.YCbCr, plane []byte, x, y int) int {
	columns, rows := (p.Rect.Dx()+1)/2, (p.Rect.Dy()+1)/2
	sum := func(column int) int {
		column = min(max(column, 0), columns-1)
		nearest, next := y/2, min(max(y/2-1+y%2*2, 0), rows-1)
		return 3*int(plane[nearest*p.CStride+column]) + int(plane[next*p.CStride+column])
	}
	return (3*sum(x/2) + sum(x/2-1+x%2*2) + 8 - x%2) >> 4
}

func clamp(v int) byte { return byte(min(max(v, 0), 255)) }
