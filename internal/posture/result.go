package posture

import "time"

// Status is the verdict on a capture, in the words of the posture_log table.
type Status string

// The four verdicts.
const (
	Good                  Status = "Good"
	Bad                   Status = "Bad"
	InsufficientLandmarks Status = "Insufficient_Landmarks" // a person, but too little of them visible to measure
	NoLandmarks           Status = "No_Landmarks"           // nobody found
)

// Side is the side of the body that was measured.
type Side string

// The sides; SideNone where nothing was measured.
const (
	SideNone  Side = ""
	SideLeft  Side = "left"
	SideRight Side = "right"
)

// View says from where the camera sees the person.
type View string

// The views; ViewNone where nothing was measured.
const (
	ViewNone    View = ""
	ViewSide    View = "side"
	ViewOblique View = "oblique"
	ViewFrontal View = "frontal"
)

// Angles are the leans of neck (shoulder to ear) and torso (hip to shoulder) from the vertical, in degrees, 0..180.
type Angles struct {
	Neck, Torso float64
	// NeckUncertainty and TorsoUncertainty are standard uncertainties (one standard deviation) in degrees.
	NeckUncertainty, TorsoUncertainty float64
}

// Assessment is what is concluded from a picture. Angles is nil unless both angles could be measured.
type Assessment struct {
	Status  Status
	Side    Side
	View    View
	Profile string  // name of the thresholds that judged
	Angles  *Angles // nil for InsufficientLandmarks and NoLandmarks
	Pose    *Pose   // nil for NoLandmarks
}

// Result is an assessed capture with its picture to keep: what a worker hands to the hub, and what the hub records.
type Result struct {
	CaptureID   string
	Device      string
	Source      string // the sender's name for the picture
	ReceivedAt  time.Time
	TakenAt     time.Time // zero when the sender did not say
	AnalyzedAt  time.Time
	ProcessedBy string // node that analysed it: the host, unless it was told another name
	Model       string // lite, full or heavy
	Width       int    // of the upright picture, in pixels
	Height      int
	Assessment  Assessment
	Annotated   []byte // JPEG to store; nil when no pictures are kept
	Filename    string // the stored picture's name, set by the hub when it stores it; empty when none is stored
}
