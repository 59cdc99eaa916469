package main

import (
	"bytes"
	"math"
	"testing"
)

// TestTheTrueAnglesAreTheStance: seen exactly from the side, the marks lean as they were asked to. Perspective adds a
// little, since ear, shoulder and hip are not equally far from the camera.
func TestTheTrueAnglesAreTheStance(t *testing.T) {
	for _, shot := range shots {
		if shot.person == nil {
			continue
		}
		t.Run(shot.file, func(t *testing.T) {
			shot.yaw = 0
			s, c := shot.stage(640, 480)
			p := shot.portrait(s, c)
			if off := math.Abs(p.TrueNeck - shot.stance.neck); off > 4.5 {
				t.Errorf("the neck leans by %v degrees, asked for %v", p.TrueNeck, shot.stance.neck)
			}
			if off := math.Abs(p.TrueTorso - shot.stance.torso); off > 2 {
				t.Errorf("the torso leans by %v degrees, asked for %v", p.TrueTorso, shot.stance.torso)
			}
		})
	}
}

func TestProjectIsTheInverseOfRay(t *testing.T) {
	for _, mirrored := range []bool{false, true} {
		c := newCamera(vec{0.2, 0.9, 0}, 3.7, 5, 0.1, 3.75)
		c.width, c.height, c.mirrored = 640, 480, mirrored
		for _, want := range [][2]float64{{320, 240}, {10, 20}, {600, 470}} {
			x, y := c.project(c.eye.add(c.ray(want[0], want[1]).times(3)))
			if math.Hypot(x-want[0], y-want[1]) > 1e-6 {
				t.Errorf("mirrored %v: %v came back as %v, %v", mirrored, want, x, y)
			}
		}
	}
}

// TestRenderingIsRepeatable: the same shot gives the same pixels, whichever goroutine draws a row.
func TestRenderingIsRepeatable(t *testing.T) {
	s, c := shots[0].stage(48, 36)
	first, second := render(s, c, 2, 1), render(s, c, 2, 1)
	if !bytes.Equal(first.Pix, second.Pix) {
		t.Error("two renderings differ")
	}
}
