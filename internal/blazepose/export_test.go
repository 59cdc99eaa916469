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
	Sample        = sample
	MakeAnchors   = makeAnchors
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

// X and Y are an anchor's place.
func (a anchor) X() float32 { return a.x }
func (a anchor) Y() float32 { return a.y }

// Letterbox is how a whole picture is made square.
func Letterbox(width, height int) (square posture.Region, horizontal, vertical float32) {
	square, box := padded(wholeFrame(), &posture.Frame{Width: width, Height: height})
	return square, box.horizontal, box.vertical
}

// RegionOf is the region of a detection with the given key points in pixels.
func RegionOf(f *posture.Frame, hipX, hipY, endX, endY float32) posture.Region {
	w, h := float32(f.Width), float32(f.Height)
	return regionOf(detection{keys: [keyPoints]point{{hipX / w, hipY / h}, {endX / w, endY / h}}}, f).pixels(f)
}

// Box is a detection without key points.
type Box struct{ X, Y, Width, Height, Score float32 }

// Suppress merges the best box with those that overlap it.
func Suppress(boxes []Box) Box {
	d := new(detector)
	for _, b := range boxes {
		d.candidates = append(d.candidates, detection{score: b.Score, x: b.X, y: b.Y, width: b.Width, height: b.Height})
	}
	best := d.suppress()
	return Box{best.x, best.y, best.width, best.height, best.score}
}

// Confidence is the landmark network's belief in a person in a region.
func Confidence(e *Estimator, f *posture.Frame, r posture.Region) (float32, error) {
	var p posture.Pose
	_, err := e.locate(f, r, fromPixels(r, f), &p)
	return p.Confidence, err
}

// Refine moves a landmark by its heat map.
func Refine(heat []float32, x, y float32) (refinedX, refinedY float32) {
	return refine(heat, planes, x, y)
}

// Own tells whether both networks run on our own kernels, and whether ONNX Runtime is loaded for them.
func Own(r *Runtime) (networks, library bool) {
	return r.own.detection != nil && r.own.landmarks != nil, r.library != nil
}
