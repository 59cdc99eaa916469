package sketch

import "plumbline/internal/posture"

// bones are MediaPipe's POSE_CONNECTIONS (mediapipe/python/solutions/pose_connections.py).
var bones = [...][2]int{
	{0, 1}, {1, 2}, {2, 3}, {3, 7}, {0, 4}, {4, 5}, {5, 6}, {6, 8}, {9, 10},
	{11, 12}, {11, 13}, {13, 15}, {15, 17}, {15, 19}, {15, 21}, {17, 19}, {12, 14}, {14, 16}, {16, 18}, {16, 20}, {16, 22}, {18, 20},
	{11, 23}, {12, 24}, {23, 24}, {23, 25}, {24, 26}, {25, 27}, {26, 28}, {27, 29}, {28, 30}, {29, 31}, {30, 32}, {27, 31}, {28, 32},
}

const firstOfBody = posture.LeftShoulder // landmarks before it are the face's

// sideOf returns the side that a landmark belongs to; the nose has none.
func sideOf(landmark int) posture.Side {
	switch {
	case landmark == posture.Nose:
		return posture.SideNone
	case landmark < posture.LeftEar: // eyes: three to the left, three to the right
		if landmark <= 3 {
			return posture.SideLeft
		}
		return posture.SideRight
	case landmark%2 == 1:
		return posture.SideLeft
	}
	return posture.SideRight
}

// far reports whether a landmark is on the side that was not measured.
func (s *scene) far(landmark int) bool {
	side, measured := sideOf(landmark), s.assessment.Side
	return measured != posture.SideNone && side != posture.SideNone && side != measured
}

// drawFigure draws the far side first, so that the near one lies over it, each with its halo below.
func (s *scene) drawFigure() {
	s.drawSide(true)
	s.drawSide(false)
}

func (s *scene) drawSide(far bool) {
	s.eachBone(far, func(a, b point, width float32) { s.canvas.line(a, b, width+s.halo(width), haloColor) })
	color := boneColor
	if far {
		color = farColor
	}
	s.eachBone(far, func(a, b point, width float32) { s.canvas.line(a, b, width, color) })
	for i, j := range s.points {
		if !j.shown || s.far(i) != far {
			continue
		}
		r := s.thickness(i, far) * 0.9
		if i < firstOfBody {
			r *= 0.75 // eleven dots on a face would hide it
		}
		s.canvas.disc(j.point, r+s.halo(r)/2, haloColor)
		s.canvas.disc(j.point, r, color)
	}
}

// halo is how much wider the dark edge under a line is than the line.
func (s *scene) halo(width float32) float32 { return 0.35*s.line + 0.45*width + 0.5 }

func (s *scene) eachBone(far bool, draw func(a, b point, width float32)) {
	for _, bone := range bones {
		a, b := s.points[bone[0]], s.points[bone[1]]
		if a.shown && b.shown && (s.far(bone[0]) || s.far(bone[1])) == far {
			draw(a.point, b.point, s.thickness(bone[0], far))
		}
	}
}

// thickness of a line from or a dot at a landmark: fine in the face, finer on the far side.
func (s *scene) thickness(landmark int, far bool) float32 {
	w := s.line
	if landmark < firstOfBody {
		w *= 0.42
	}
	if far {
		w *= 0.65
	}
	return max(w, 0.7)
}
