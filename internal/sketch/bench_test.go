package sketch_test

import (
	"image"
	"testing"

	"plumbline/internal/posture"
	"plumbline/internal/sketch"
)

func BenchmarkDraw(b *testing.B) {
	for name, size := range map[string][2]int{"640x480": {640, 480}, "1920x1080": {1920, 1080}} {
		b.Run(name, func(b *testing.B) {
			g := grayGround(size[0], size[1])
			a := slouching(size[0], size[1])
			artist := sketch.New(sketch.Style{})
			b.ReportAllocs()
			for b.Loop() {
				artist.Draw(g, a)
			}
		})
	}
}

func grayGround(w, h int) *image.YCbCr {
	g := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for _, plane := range [][]byte{g.Y, g.Cb, g.Cr} {
		for i := range plane {
			plane[i] = 128
		}
	}
	return g
}

// slouching is a person seen from their right, filling most of the picture's height, both sides visible.
func slouching(w, h int) posture.Assessment {
	p := &posture.Pose{Width: w, Height: h}
	at := map[int][2]float32{
		0: {0.59, 0.26}, 1: {0.58, 0.23}, 2: {0.58, 0.23}, 3: {0.575, 0.23}, 4: {0.58, 0.235}, 5: {0.575, 0.235}, 6: {0.57, 0.235},
		7: {0.55, 0.245}, 8: {0.545, 0.25}, 9: {0.585, 0.29}, 10: {0.58, 0.29}, 11: {0.50, 0.37}, 12: {0.48, 0.38},
		13: {0.54, 0.52}, 14: {0.52, 0.54}, 15: {0.63, 0.53}, 16: {0.62, 0.53}, 17: {0.65, 0.53}, 18: {0.64, 0.53}, 19: {0.65, 0.525},
		20: {0.645, 0.525}, 21: {0.64, 0.52}, 22: {0.635, 0.52}, 23: {0.44, 0.64}, 24: {0.43, 0.65}, 25: {0.63, 0.66}, 26: {0.62, 0.68},
		27: {0.62, 0.90}, 28: {0.61, 0.91}, 29: {0.60, 0.93}, 30: {0.59, 0.94}, 31: {0.68, 0.94}, 32: {0.67, 0.95},
	}
	for i, xy := range at {
		p.Landmarks[i] = posture.Landmark{X: xy[0], Y: xy[1], Visibility: 0.99, Presence: 0.99}
	}
	return posture.Assessment{
		Status: posture.Bad, Side: posture.SideRight, View: posture.ViewSide, Pose: p,
		Angles: &posture.Angles{Neck: 33.6, Torso: 13.8, NeckUncertainty: 1.9, TorsoUncertainty: 0.9},
	}
}
