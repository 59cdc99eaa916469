package sketch

import (
	"image"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// weight is a cut of the Go fonts.
type weight int

const (
	medium weight = iota
	bold
)

// fonts parses the built-in fonts once; their bytes are constants, so that an error is a bug.
var fonts = [2]func() *opentype.Font{
	medium: sync.OnceValue(func() *opentype.Font { return mustParse(gomedium.TTF) }),
	bold:   sync.OnceValue(func() *opentype.Font { return mustParse(gobold.TTF) }),
}

func mustParse(ttf []byte) *opentype.Font {
	f, err := opentype.Parse(ttf)
	if err != nil {
		panic("built-in font: " + err.Error())
	}
	return f
}

// maxFaces bounds the glyphs that are kept: pictures of one camera need five.
const maxFaces = 20

// texts holds the glyphs drawn so far.
type texts struct{ faces map[faceKey]*face }

type faceKey struct {
	weight weight
	size   float32
}

// face is a font at a size with its rasterized glyphs.
type face struct {
	font   font.Face
	glyphs map[rune]glyph
}

// glyph is a rasterized character: its cover relative to the pen's position on the base line.
type glyph struct {
	cover   image.Alpha
	advance float32
}

func (t *texts) face(w weight, size float32) *face {
	size = float32(int(size*4+0.5)) / 4 // a quarter of a pixel apart: fewer faces, no visible difference
	key := faceKey{w, size}
	if f, ok := t.faces[key]; ok {
		return f
	}
	if t.faces == nil || len(t.faces) >= maxFaces {
		t.faces = make(map[faceKey]*face)
	}
	of, err := opentype.NewFace(fonts[w](), &opentype.FaceOptions{Size: float64(size), DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return &face{glyphs: map[rune]glyph{}} // draws nothing
	}
	f := &face{font: of, glyphs: make(map[rune]glyph)}
	t.faces[key] = f
	return f
}

func (f *face) glyph(r rune) glyph {
	if g, ok := f.glyphs[r]; ok || f.font == nil {
		return g
	}
	var g glyph
	bounds, mask, from, advance, ok := f.font.Glyph(fixed.Point26_6{}, r)
	if ok {
		g.advance = float32(advance) / 64
		g.cover = *image.NewAlpha(bounds)
		for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
			for x := bounds.Min.X; x < bounds.Max.X; x++ {
				_, _, _, a := mask.At(from.X+x-bounds.Min.X, from.Y+y-bounds.Min.Y).RGBA()
				g.cover.Pix[g.cover.PixOffset(x, y)] = byte(a >> 8)
			}
		}
	}
	f.glyphs[r] = g
	return g
}

// width returns how far a text moves the pen.
func (f *face) width(text string) (w float32) {
	for _, r := range text {
		w += f.glyph(r).advance
	}
	return w
}

// write draws a text from a point on its base line and returns where the pen ends.
func (c *canvas) write(f *face, text string, at point, i ink) point {
	for _, r := range text {
		g := f.glyph(r)
		c.stamp(&g.cover, int(at.x+0.5), int(at.y+0.5), i)
		at.x += g.advance
	}
	return at
}

// stamp lays ink through a mask whose origin is put at a pixel.
func (c *canvas) stamp(m *image.Alpha, x, y int, i ink) {
	for n := range c.layers {
		c.layers[n].stamp(m, x, y, i)
	}
}

// stamp covers a sample by the mean of the mask over its pixels.
func (l *layer) stamp(m *image.Alpha, x, y int, i ink) {
	pixels := int(1 / l.scale) // to a sample's side
	at := m.Rect.Add(image.Pt(x, y))
	x0, x1 := max(at.Min.X, 0)/pixels, min((at.Max.X+pixels-1)/pixels, l.width)
	y0, y1 := max(at.Min.Y, 0)/pixels, min((at.Max.Y+pixels-1)/pixels, l.height)
	for row := y0; row < y1; row++ {
		for column := x0; column < x1; column++ {
			if sum := total(m, column*pixels-x, row*pixels-y, pixels); sum > 0 {
				l.mix(column, row, i, float32(sum)/float32(255*pixels*pixels))
			}
		}
	}
}

// total adds up a square of a mask.
func total(m *image.Alpha, x, y, side int) (sum int) {
	for row := max(y, m.Rect.Min.Y); row < min(y+side, m.Rect.Max.Y); row++ {
		for column := max(x, m.Rect.Min.X); column < min(x+side, m.Rect.Max.X); column++ {
			sum += int(m.Pix[m.PixOffset(column, row)])
		}
	}
	return sum
}
