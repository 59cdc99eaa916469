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
	ResampleGo     = resampleGo
	NewByteValues  = newByteValues
	Perspective    = perspective
	Inverse        = inverse
	Corners        = corners
	MakeAnchors    = makeAnchors
	Refine         = refine
	RegionOfWhole  = wholeFrame
	GraphRevision  = graphRevision
	ConvertModel   = convert
	LandmarkOutput = landmarkOutputs
)

// ToCrop is the matrix from a crop's pixels to the picture's.
func ToCrop(r posture.Region, side int) Matrix {
	return inverse(perspective(corners(r), float64(side)))
}
