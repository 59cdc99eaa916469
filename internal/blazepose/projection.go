package blazepose

import "plumbline/internal/posture"

// projection leads from a crop back to the picture. It mirrors LandmarkProjectionCalculator.
type projection struct {
	region   region
	sin, cos float32
}

func newProjection(r region) projection {
	sin, cos := sincos(r.rotation)
	return projection{region: r, sin: sin, cos: cos}
}

// landmark places a point given in fractions of the crop; depth scales as width does.
func (p projection) landmark(x, y, z float32) posture.Landmark {
	x, y = x-0.5, y-0.5
	across := float32(p.cos*x) - float32(p.sin*y)
	down := float32(p.sin*x) + float32(p.cos*y)
	return posture.Landmark{
		X: float32(across*p.region.width) + p.region.x,
		Y: float32(down*p.region.height) + p.region.y,
		Z: z * p.region.width,
	}
}
