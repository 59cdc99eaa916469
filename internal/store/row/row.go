package row

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"plumbline/internal/posture"
)

// Row is one row to write. The first nine fields are the original's columns, the others ours; an empty text, a zero time,
// a nil pointer and a width of 0 are NULL in the table. The tags are the names of the columns.
type Row struct {
	Device      string    `json:"pi_id"`
	Filename    string    `json:"filename,omitempty"`
	Received    time.Time `json:"received_time,omitzero"`
	Analyzed    time.Time `json:"analyzed_time,omitzero"`
	NeckAngle   *int      `json:"neck_angle,omitempty"` // whole degrees
	BodyAngle   *int      `json:"body_angle,omitempty"`
	Status      string    `json:"posture_status,omitempty"`
	Detected    bool      `json:"landmarks_detected"` // true only where both angles exist
	ProcessedBy string    `json:"processed_by,omitempty"`

	CaptureID        string          `json:"capture_id"`
	Taken            time.Time       `json:"taken_at,omitzero"`
	Source           string          `json:"source_filename,omitempty"`
	NeckDegrees      *float64        `json:"neck_degrees,omitempty"`
	TorsoDegrees     *float64        `json:"torso_degrees,omitempty"`
	NeckUncertainty  *float64        `json:"neck_uncertainty,omitempty"`
	TorsoUncertainty *float64        `json:"torso_uncertainty,omitempty"`
	Side             string          `json:"side,omitempty"`
	View             string          `json:"view,omitempty"`
	Profile          string          `json:"profile,omitempty"`
	Model            string          `json:"model,omitempty"`
	Confidence       *float64        `json:"confidence,omitempty"`
	Width            int             `json:"width,omitempty"`
	Height           int             `json:"height,omitempty"`
	Landmarks        json.RawMessage `json:"landmarks,omitempty"` // 33 of [x, y, z, visibility]
}

// Refused is a result that can never become a row, however often it is tried.
type Refused struct {
	CaptureID string
	Err       error
}

func (r *Refused) Error() string {
	return fmt.Sprintf("recording capture %q: %v", r.CaptureID, r.Err)
}

func (r *Refused) Unwrap() error { return r.Err }

// Permanent tells a recorder that trying again is useless.
func (r *Refused) Permanent() bool { return true }

// FromResults converts a batch; the error is a *Refused for the first result that cannot be a row.
func FromResults(results []posture.Result) ([]Row, error) {
	rows := make([]Row, 0, len(results))
	for _, result := range results {
		r, err := FromResult(result)
		if err != nil {
			return nil, &Refused{CaptureID: result.CaptureID, Err: err}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// FromResult converts one result. Capture id and device name are identities, so what no database takes in them (NUL,
// broken UTF-8) is refused; in all other texts it becomes U+FFFD.
func FromResult(result posture.Result) (Row, error) {
	if err := checkIdentity(result); err != nil {
		return Row{}, err
	}
	r := Row{
		Device: result.Device, Filename: clean(result.Filename), Status: clean(string(result.Assessment.Status)),
		Received: moment(result.ReceivedAt), Analyzed: moment(result.AnalyzedAt), ProcessedBy: clean(result.ProcessedBy),
		CaptureID: result.CaptureID, Taken: moment(result.TakenAt), Source: clean(result.Source),
		Side: clean(string(result.Assessment.Side)), View: clean(string(result.Assessment.View)),
		Profile: clean(result.Assessment.Profile), Model: clean(result.Model), Width: result.Width, Height: result.Height,
	}
	if pose := result.Assessment.Pose; pose != nil {
		confidence := finiteOrZero(float64(pose.Confidence))
		r.Confidence, r.Landmarks = &confidence, encodeLandmarks(pose)
	}
	return r, r.setAngles(result.Assessment)
}

func checkIdentity(result posture.Result) error {
	switch {
	case result.CaptureID == "":
		return errors.New("it has no capture id, so a repetition could not be told from a new result")
	case !plainText(result.CaptureID):
		return errors.New("its capture id contains NUL or is not UTF-8")
	case !plainText(result.Device):
		return fmt.Errorf("the device name %.100q contains NUL or is not UTF-8", result.Device)
	case len(result.CaptureID) > longest, len(result.Device) > longest:
		return fmt.Errorf("its capture id or device name is longer than %d bytes", longest)
	}
	return nil
}

// Possible are the ids that a row can have; a database would refuse the question for others.
func Possible(captureIDs []string) []string {
	return slices.DeleteFunc(slices.Clone(captureIDs), func(id string) bool { return id == "" || !plainText(id) })
}

func (r *Row) setAngles(a posture.Assessment) error {
	if a.Angles == nil {
		return nil
	}
	angles := *a.Angles
	for _, v := range []float64{angles.Neck, angles.Torso, angles.NeckUncertainty, angles.TorsoUncertainty} {
		if math.IsNaN(v) || math.Abs(v) > 360 {
			return fmt.Errorf("an angle of %v degrees is none", v)
		}
	}
	neck, torso := whole(angles.Neck, a.Profile), whole(angles.Torso, a.Profile)
	r.NeckAngle, r.BodyAngle, r.Detected = &neck, &torso, true
	r.NeckDegrees, r.TorsoDegrees = &angles.Neck, &angles.Torso
	r.NeckUncertainty, r.TorsoUncertainty = &angles.NeckUncertainty, &angles.TorsoUncertainty
	return nil
}

// originalProfile is the name of the thresholds that mirror the original program, which cut fractions off.
const originalProfile = "original"

// whole is the angle for the original's integer columns: rounded, as a reader expects, or truncated, as the original did.
func whole(degrees float64, profile string) int {
	if profile == originalProfile {
		return int(degrees)
	}
	return int(math.Round(degrees))
}

// moment is a time as both databases keep it: UTC, whole microseconds.
func moment(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

func plainText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// longest is the length in bytes of the longest text that is kept; PostgreSQL's indexes take 2700 bytes, devices are indexed.
const longest = 1024

// clean replaces what PostgreSQL rejects in a text, and cuts one that is far longer than any name.
func clean(s string) string {
	if len(s) > longest {
		s = s[:longest]
	}
	if plainText(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func finiteOrZero(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}
