package posture

// LandmarkCount is how many landmarks BlazePose reports.
const LandmarkCount = 33

// Indices of landmarks as MediaPipe numbers them (mediapipe/python/solutions/pose.py, PoseLandmark). Left and right are
// the person's own.
const (
	Nose          = 0
	LeftEye       = 2
	RightEye      = 5
	LeftEar       = 7
	RightEar      = 8
	LeftShoulder  = 11
	RightShoulder = 12
	LeftElbow     = 13
	RightElbow    = 14
	LeftWrist     = 15
	RightWrist    = 16
	LeftHip       = 23
	RightHip      = 24
	LeftKnee      = 25
	RightKnee     = 26
	LeftAnkle     = 27
	RightAnkle    = 28
)

// Landmark is one point of the body. X and Y are fractions of the picture's width and height and may lie outside 0..1;
// Z is depth in fractions of the width, smaller is nearer. Visibility (0..1) is the model's belief that the point is in
// the picture and not occluded; Presence (0..1) that it is in the picture at all.
type Landmark struct {
	X, Y, Z              float32
	Visibility, Presence float32
}

// Region is the rotated square of a picture from which a pose was read: centre and side in pixels, rotation in radians,
// clockwise on the screen.
type Region struct {
	CenterX, CenterY, Side, Rotation float32
}

// Pose is one person's landmarks in a picture of Width x Height pixels.
type Pose struct {
	Landmarks     [LandmarkCount]Landmark
	Width, Height int
	Region        Region
	Confidence    float32 // the landmark model's belief (0..1) that the region shows a person
}
