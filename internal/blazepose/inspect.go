package blazepose

import "plumbline/internal/posture"

// CropSizes are the sides in pixels of what the two networks are given.
const (
	DetectionCropSide = detectorSide
	LandmarkCropSide  = landmarkerSide
)

// DetectionCrop makes the detector's input of a picture: three planes (red, green, blue) of 224 x 224 values of -1..1. It
// lets comparisons with MediaPipe look at the first stage alone.
func DetectionCrop(f *posture.Frame) ([]float32, error) {
	if err := checkFrame(f); err != nil {
		return nil, err
	}
	values := newByteValues(-1, 1)
	out := make([]float32, 3*detectorSide*detectorSide)
	square, _ := padded(wholeFrame(), f)
	sample(f, square, detectorSide, zeroBorder, &values, out)
	return out, nil
}

// LandmarkCrop makes the landmark network's input of a region: three planes of 256 x 256 values of 0..1.
func LandmarkCrop(f *posture.Frame, r posture.Region) ([]float32, error) {
	if err := checkFrame(f); err != nil {
		return nil, err
	}
	values := newByteValues(0, 1)
	out := make([]float32, 3*landmarkerSide*landmarkerSide)
	sample(f, r, landmarkerSide, replicateBorder, &values, out)
	return out, nil
}
