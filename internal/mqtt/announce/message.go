package announce

import (
	"math"
	"time"

	"plumbline/internal/posture"
)

// Message is what is published. docs/mqtt.md explains each field to people, and a test compares the two. Fields are added,
// never renamed or removed. Angles are in degrees, times in UTC (RFC 3339); null says that there is none.
type Message struct {
	CaptureID       string       `json:"capture_id"`
	Device          string       `json:"device"`
	PostureStatus   string       `json:"posture_status"`
	NeckAngle       *float64     `json:"neck_angle"`
	BodyAngle       *float64     `json:"body_angle"`
	NeckUncertainty *float64     `json:"neck_uncertainty"`
	BodyUncertainty *float64     `json:"body_uncertainty"`
	Side            string       `json:"side"`
	View            string       `json:"view"`
	Profile         string       `json:"profile"`
	ReceivedAt      time.Time    `json:"received_at"`
	TakenAt         *time.Time   `json:"taken_at"`
	AnalyzedAt      time.Time    `json:"analyzed_at"`
	Model           string       `json:"model"`
	ProcessedBy     string       `json:"processed_by"`
	Filename        string       `json:"filename"`
	SourceFilename  string       `json:"source_filename"`
	Width           int          `json:"width"`
	Height          int          `json:"height"`
	Landmarks       [][4]float64 `json:"landmarks,omitempty"`
}

func (a *Announcer) message(r posture.Result) Message {
	m := Message{
		CaptureID: r.CaptureID, Device: r.Device, PostureStatus: string(r.Assessment.Status),
		Side: string(r.Assessment.Side), View: string(r.Assessment.View), Profile: r.Assessment.Profile,
		ReceivedAt: r.ReceivedAt.UTC(), AnalyzedAt: r.AnalyzedAt.UTC(), Model: r.Model, ProcessedBy: r.ProcessedBy,
		Filename: r.Filename, SourceFilename: r.Source, Width: r.Width, Height: r.Height,
	}
	if !r.TakenAt.IsZero() {
		taken := r.TakenAt.UTC()
		m.TakenAt = &taken
	}
	if angles := r.Assessment.Angles; angles != nil {
		m.NeckAngle, m.BodyAngle = rounded(angles.Neck, 2), rounded(angles.Torso, 2)
		m.NeckUncertainty, m.BodyUncertainty = stated(angles.NeckUncertainty), stated(angles.TorsoUncertainty)
	}
	if a.options.Landmarks && r.Assessment.Pose != nil {
		m.Landmarks = landmarks(r.Assessment.Pose)
	}
	return m
}

// landmarks are MediaPipe's 33 as [x, y, z, visibility], normalised.
func landmarks(p *posture.Pose) [][4]float64 {
	out := make([][4]float64, len(p.Landmarks))
	for i, l := range p.Landmarks {
		for j, v := range []float32{l.X, l.Y, l.Z, l.Visibility} {
			if f := rounded(float64(v), 6); f != nil {
				out[i][j] = *f
			}
		}
	}
	return out
}

// stated is nil for an uncertainty that nobody stated.
func stated(degrees float64) *float64 {
	if degrees <= 0 {
		return nil
	}
	return rounded(degrees, 2)
}

// rounded is nil for what is no number, which JSON cannot say.
func rounded(v float64, digits int) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	scale := math.Pow10(digits)
	v = math.Round(v*scale) / scale
	return &v
}
