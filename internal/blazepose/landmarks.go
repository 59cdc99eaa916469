package blazepose

import (
	"fmt"

	"plumbline/internal/posture"
)

const (
	landmarkerSide = 256 // of the network's input in pixels
	// minPresence is what the network's belief in a person must exceed (ThresholdingCalculator in
	// tensors_to_pose_landmarks_and_segmentation.pbtxt).
	minPresence       = 0.5
	rawLandmarks      = 39 // 33 of the body, 6 for tracking, which single pictures don't need
	valuesPerLandmark = 5  // x, y, z in pixels of the crop, visibility and presence before the sigmoid
)

// landmarker finds the landmarks in a crop.
type landmarker struct {
	session session
	heat    layout // of the heat maps
	values  byteValues
}

func newLandmarker(s session, heat layout) *landmarker {
	return &landmarker{session: s, heat: heat, values: newByteValues(0, 1)}
}

// crop fills the network's input: the square, scaled to 256 x 256 and to 0..1.
func (l *landmarker) crop(f *posture.Frame, square posture.Region) {
	sample(f, square, landmarkerSide, replicateBorder, &l.values, l.session.Input())
}

// locate runs the network on its input and writes the landmarks into pose; it says whether there is a person. It mirrors
// TensorsToLandmarksCalculator and what follows it in MediaPipe's graph.
func (l *landmarker) locate(r region, f *posture.Frame, into *posture.Pose) (found bool, err error) {
	if err := l.session.Run(); err != nil {
		return false, fmt.Errorf("finding landmarks: %w", err)
	}
	into.Confidence = l.session.Output(1)[0]
	if !(into.Confidence > minPresence) {
		return false, nil
	}
	into.Width, into.Height = f.Width, f.Height
	var box letterbox
	into.Region, box = padded(r, f)
	p := newProjection(r)
	raw, heat := l.session.Output(0), l.session.Output(heatOutput)
	for i := range into.Landmarks {
		v := raw[i*valuesPerLandmark:]
		x, y, z := v[0]/landmarkerSide, v[1]/landmarkerSide, v[2]/landmarkerSide
		x, y = refine(heat[i*l.heat.landmark:], l.heat, x, y)
		x, y, z = box.removeX(x), box.removeY(y), z/(1-2*box.horizontal)
		into.Landmarks[i] = throughPixels(p.landmark(x, y, z), f)
		into.Landmarks[i].Visibility, into.Landmarks[i].Presence = sigmoid(v[3]), sigmoid(v[4])
	}
	return true, nil
}

// throughPixels takes a landmark to pixels and back, which costs a last bit here and there. The wheel's LandmarksSmoothingCalculator
// does so even where it smooths nothing, as with static pictures.
func throughPixels(l posture.Landmark, f *posture.Frame) posture.Landmark {
	w, h := float32(f.Width), float32(f.Height)
	l.X, l.Y, l.Z = float32(l.X*w)/w, float32(l.Y*h)/h, float32(l.Z*w)/w
	return l
}
