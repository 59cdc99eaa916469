package blazepose

import "plumbline/internal/posture"

// Matrix, Values and Border let tests call the resampler.
type (
	Matrix = matrix
	Values = byteValues
	Border = border
)

const (
	ZeroBorder      = zeroBorder
	ReplicateBorder = replicateBorder
)

var (
	ResampleGo    = resampleGo
	NewByteValues = newByteValues
	Perspective   = perspective
	Inverse       = inverse
	Corners       = corners
	MakeAnchors   = makeAnchors
	Refine        = refine
	RegionOfWhole = wholeFrame
	GraphRevision = graphRevision
)

// ToCrop is the matrix from a crop's pixels to the picture's.
func ToCrop(r posture.Region, side int) Matrix {
	return inverse(perspective(corners(r), float64(side)))
}

// ConvertedModels converts the models of options.
func ConvertedModels(o Options) (detection, landmarks []byte, err error) {
	if detection, err = detectionModel(o).convert(); err != nil {
		return nil, nil, err
	}
	landmarks, err = landmarkModel(o).convert()
	return detection, landmarks, err
}
