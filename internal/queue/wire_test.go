package queue_test

import (
	"encoding/binary"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fullResult has every field filled, so that a renamed or forgotten one is seen.
func fullResult() posture.Result {
	pose := &posture.Pose{
		Width: 640, Height: 480, Confidence: 0.9876543,
		Region: posture.Region{CenterX: 320.5, CenterY: 240.25, Side: 400.125, Rotation: -0.1},
	}
	for i := range pose.Landmarks {
		f := float32(i)
		pose.Landmarks[i] = posture.Landmark{X: f / 33, Y: 1 - f/33, Z: -f / 7, Visibility: 1 / (f + 1), Presence: 0.5}
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	return posture.Result{
		CaptureID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Device: "pi1", Source: "a.jpg",
		ReceivedAt: at, TakenAt: at.Add(-time.Second), AnalyzedAt: at.Add(time.Second),
		ProcessedBy: "host (worker 1)", Model: "full", Width: 640, Height: 480,
		Assessment: posture.Assessment{
			Status: posture.Good, Side: posture.SideLeft, View: posture.ViewSide, Profile: "learnopencv",
			Angles: &posture.Angles{Neck: 23.456, Torso: 4.321, NeckUncertainty: 1.5, TorsoUncertainty: 0.75},
			Pose:   pose,
		},
		Annotated: []byte("\xff\xd8 not really a JPEG \xff\xd9"),
		Filename:  "x.jpg",
	}
}

func TestResultOfFormat1StaysReadable(t *testing.T) {
	golden := filepath.Join("testdata", "result-format-1.bin")
	want := fullResult()
	if *update {
		text, err := queue.EncodeResult(want)
		must(t, err)
		must(t, os.WriteFile(golden, text, 0o600))
	}
	text, err := os.ReadFile(golden)
	must(t, err)
	got, err := queue.DecodeResult(text)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what an earlier worker wrote reads differently (-wrote +read): %s", diff)
	}
}

func TestResultWithoutAnything(t *testing.T) {
	want := posture.Result{CaptureID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Assessment: posture.Assessment{Status: posture.NoLandmarks}}
	text, err := queue.EncodeResult(want)
	must(t, err)
	got, err := queue.DecodeResult(text)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestResultThatCantBeWritten(t *testing.T) {
	r := fullResult()
	r.Assessment.Angles.Neck = math.NaN()
	if _, err := queue.EncodeResult(r); err == nil || !strings.Contains(err.Error(), r.CaptureID) {
		t.Errorf("not a number: %v", err)
	}
}

func FuzzDecodeResult(f *testing.F) {
	text, err := queue.EncodeResult(fullResult())
	must(f, err)
	f.Add(text)
	f.Add(text[:len(text)/2])
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, '{', '}'})
	f.Add(binary.BigEndian.AppendUint32(nil, 0))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := queue.DecodeResult(text)
		if err != nil {
			return
		}
		again, err := queue.EncodeResult(r)
		must(t, err)
		r2, err := queue.DecodeResult(again)
		must(t, err)
		if diff := cmp.Diff(r, r2); diff != "" {
			t.Errorf("read again it differs: %s", diff)
		}
	})
}

func FuzzParseFacts(f *testing.F) {
	f.Add([]byte(`{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","device":"pi1","topic":"images/pi1","received_at":"2026-03-01T12:00:00Z","qos":1,"sha256":"ab","size":3}`))
	f.Add([]byte(`{"id":"x"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		once, err := queue.ParseFacts(text)
		if err != nil {
			return
		}
		if strings.ContainsAny(string(once), "\r\n") {
			t.Errorf("a header of more than one line: %q", once)
		}
		twice, err := queue.ParseFacts(once)
		must(t, err)
		if string(once) != string(twice) {
			t.Errorf("written again it differs: %s, %s", once, twice)
		}
	})
}
