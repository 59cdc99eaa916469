package row

import (
	"encoding/json"
	"strconv"

	"plumbline/internal/posture"
)

// Decimals kept of a landmark: x and y to a hundred-thousandth of the picture (0.02 pixels of 1080p, far below the
// model's own wavering), z and visibility coarser. A person's 33 landmarks then take about 900 bytes of text.
const (
	placeDecimals      = 5
	depthDecimals      = 4
	visibilityDecimals = 3
)

// encodeLandmarks writes [[x,y,z,visibility],…] without a space. A number that is none becomes 0, which JSON can hold.
func encodeLandmarks(pose *posture.Pose) json.RawMessage {
	out := make([]byte, 0, 1024)
	out = append(out, '[')
	for i, l := range pose.Landmarks {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '[')
		out = appendNumber(out, l.X, placeDecimals)
		out = append(out, ',')
		out = appendNumber(out, l.Y, placeDecimals)
		out = append(out, ',')
		out = appendNumber(out, l.Z, depthDecimals)
		out = append(out, ',')
		out = appendNumber(out, l.Visibility, visibilityDecimals)
		out = append(out, ']')
	}
	return append(out, ']')
}

// appendNumber writes v with at most so many decimals and no zeros at the end.
func appendNumber(out []byte, v float32, decimals int) []byte {
	start := len(out)
	out = strconv.AppendFloat(out, finiteOrZero(float64(v)), 'f', decimals, 64)
	for out[len(out)-1] == '0' {
		out = out[:len(out)-1]
	}
	if out[len(out)-1] == '.' {
		out = out[:len(out)-1]
	}
	if s := string(out[start:]); s == "-0" || s == "-" || s == "" {
		return append(out[:start], '0')
	}
	return out
}

// decodeLandmarks reads what encodeLandmarks wrote; nil when it is not 33 landmarks, as in a row of somebody else.
func decodeLandmarks(text string, e *posture.Result, confidence float64) *posture.Pose {
	var points [][4]float32
	if text == "" || json.Unmarshal([]byte(text), &points) != nil || len(points) != posture.LandmarkCount {
		return nil
	}
	pose := &posture.Pose{Width: e.Width, Height: e.Height, Confidence: float32(confidence)}
	for i, p := range points {
		pose.Landmarks[i] = posture.Landmark{X: p[0], Y: p[1], Z: p[2], Visibility: p[3]}
	}
	return pose
}
