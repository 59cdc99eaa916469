package row_test

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"plumbline/internal/posture"
	"plumbline/internal/store/row"
)

// FuzzLandmarks: what is stored is always JSON of 33 points of four numbers, near the model's, and short.
func FuzzLandmarks(f *testing.F) {
	for _, v := range []float32{0, 1, -1, 0.5, 1e-9, -1e-9, 12.000001, 1e30, float32(math.NaN()), float32(math.Inf(-1)), 0.99999999, 100} {
		f.Add(v, -v)
	}
	f.Fuzz(func(t *testing.T, x, z float32) {
		pose := &posture.Pose{}
		for i := range pose.Landmarks {
			pose.Landmarks[i] = posture.Landmark{X: x, Y: x / 3, Z: z, Visibility: 0.75}
		}
		r, err := row.FromResult(posture.Result{CaptureID: "01A", Device: "pi1", Assessment: posture.Assessment{Pose: pose}})
		if err != nil {
			t.Fatal(err)
		}
		var points [][]float64
		if err := json.Unmarshal(r.Landmarks, &points); err != nil || len(points) != posture.LandmarkCount {
			t.Fatalf("%s: %v", r.Landmarks, err)
		}
		for _, p := range points {
			if len(p) != 4 || far(p[0], x, 1e-5) || far(p[1], x/3, 1e-5) || far(p[2], z, 1e-4) || far(p[3], 0.75, 1e-3) {
				t.Fatalf("%v of x %v, z %v", p, x, z)
			}
		}
		if bytes.Contains(r.Landmarks, []byte("-0,")) || bytes.ContainsRune(r.Landmarks, ' ') {
			t.Errorf("longer than needed: %s", r.Landmarks)
		}
	})
}

// far tells whether a stored number is not the model's to half a unit of its last decimal; no number is stored as 0.
func far(stored float64, model float32, unit float64) bool {
	want := float64(model)
	if math.IsNaN(want) || math.IsInf(want, 0) {
		want = 0
	}
	return math.Abs(stored-want) > 0.5001*unit
}

func TestTimesOfOtherPrograms(t *testing.T) {
	for text, want := range map[string]string{
		"2025-10-03 10:15:30":              "2025-10-03T10:15:30Z",
		"2025-10-03 10:15:30.000001":       "2025-10-03T10:15:30.000001Z",
		"2025-10-03T10:15:30.5":            "2025-10-03T10:15:30.5Z",
		"2025-10-03 19:15:30+09:00":        "2025-10-03T10:15:30Z",
		"2025-10-03T19:15:30.123456+09:00": "2025-10-03T10:15:30.123456Z",
		"2025-10-03":                       "2025-10-03T00:00:00Z",
		"yesterday":                        "0001-01-01T00:00:00Z",
		"":                                 "0001-01-01T00:00:00Z",
	} {
		var got row.Time
		if err := got.Scan(text); err != nil || got.Format("2006-01-02T15:04:05.999999999Z07:00") != want {
			t.Errorf("%q: got %v, %v; want %s", text, got.Time, err, want)
		}
	}
}
