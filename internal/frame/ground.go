package frame

import (
	"fmt"
	"image"

	"plumbline/internal/posture"
)

// Ground makes of a frame what is drawn on and encoded: luma, and chroma of half its width and height (4:2:0), in the memory that
// into has where that suffices.
func Ground(f *posture.Frame, into *image.YCbCr) error {
	if f.Width < 1 || f.Height < 1 || len(f.Pix) != 3*f.Width*f.Height {
		return fmt.Errorf("making planes of a picture: %d bytes are no frame of %d x %d pixels", len(f.Pix), f.Width, f.Height)
	}
	if err := turboAvailable(); err != nil {
		return fmt.Errorf("making planes of a picture: %w", err)
	}
	shape(into, f.Width, f.Height)
	if err := separate(f, into); err != nil {
		return fmt.Errorf("making planes of a picture: %w", err)
	}
	return nil
}

// readBeyond is how many bytes beyond each plane may be read, by those who read four samples at once.
const readBeyond = 3

// shape gives the planes a size; their content is then undefined. They have a column and a row more than an odd picture, since
// libjpeg-turbo reads and writes these.
func shape(g *image.YCbCr, width, height int) {
	luma := image.Pt(width+width%2, height+height%2)
	samples := luma.X * luma.Y
	all := resize(g.Y, samples+samples/2+readBeyond)
	*g = image.YCbCr{
		Y: all[:samples], Cb: all[samples : samples+samples/4], Cr: all[samples+samples/4 : samples+samples/2],
		YStride: luma.X, CStride: luma.X / 2,
		SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, width, height),
	}
}

// shaped reports whether planes are as shape makes them.
func shaped(g *image.YCbCr) bool {
	width, height := g.Rect.Dx(), g.Rect.Dy()
	columns, rows := (width+1)/2, (height+1)/2
	return width > 0 && height > 0 && g.SubsampleRatio == image.YCbCrSubsampleRatio420 &&
		g.YStride >= 2*columns && len(g.Y) >= 2*rows*g.YStride &&
		g.CStride >= columns && len(g.Cb) >= rows*g.CStride && len(g.Cr) >= rows*g.CStride
}
