package announce_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/announce"
	"plumbline/internal/mqtt/broker"
	"plumbline/internal/posture"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func result(id string, at time.Time) posture.Result {
	return posture.Result{
		CaptureID: id, Device: "pi1", Source: "desk.jpg", ReceivedAt: at, TakenAt: at.Add(-time.Second), AnalyzedAt: at.Add(time.Second),
		ProcessedBy: "hub", Model: "full", Width: 640, Height: 480, Filename: "20260301T120000.000Z_" + id + ".jpg",
		Assessment: posture.Assessment{
			Status: posture.Bad, Side: posture.SideLeft, View: posture.ViewSide, Profile: "learnopencv",
			Angles: &posture.Angles{Neck: 41.23456, Torso: 8.5, NeckUncertainty: 1.4, TorsoUncertainty: 0.8},
		},
	}
}

type published struct {
	topic   string
	payload string
	retain  bool
	qos     byte
}

type recorder struct {
	published []published
	err       error
}

func (r *recorder) Publish(topic string, payload []byte, retain bool, qos byte) error {
	if r.err == nil {
		r.published = append(r.published, published{topic, string(payload), retain, qos})
	}
	return r.err
}

func announcer(t *testing.T, o announce.Options) *announce.Announcer {
	t.Helper()
	a, err := announce.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestMessage(t *testing.T) {
	nobody := result("2", noon)
	nobody.TakenAt, nobody.Source, nobody.Filename = time.Time{}, "", ""
	nobody.Assessment = posture.Assessment{Status: posture.NoLandmarks, Profile: "learnopencv"}
	unsure := result("3", noon)
	unsure.Assessment.Angles = &posture.Angles{Neck: math.NaN(), Torso: 8.5}
	for name, c := range map[string]struct {
		result posture.Result
		want   string
	}{
		"measured": {result("1", noon), `{"capture_id":"1","device":"pi1","posture_status":"Bad","neck_angle":41.23,"body_angle":8.5,` +
			`"neck_uncertainty":1.4,"body_uncertainty":0.8,"side":"left","view":"side","profile":"learnopencv",` +
			`"received_at":"2026-03-01T12:00:00Z","taken_at":"2026-03-01T11:59:59Z","analyzed_at":"2026-03-01T12:00:01Z","model":"full",` +
			`"processed_by":"hub","filename":"20260301T120000.000Z_1.jpg","source_filename":"desk.jpg","width":640,"height":480}`},
		"nobody there": {nobody, `{"capture_id":"2","device":"pi1","posture_status":"No_Landmarks","neck_angle":null,"body_angle":null,` +
			`"neck_uncertainty":null,"body_uncertainty":null,"side":"","view":"","profile":"learnopencv",` +
			`"received_at":"2026-03-01T12:00:00Z","taken_at":null,"analyzed_at":"2026-03-01T12:00:01Z","model":"full",` +
			`"processed_by":"hub","filename":"","source_filename":"","width":640,"height":480}`},
		"not a number": {unsure, `{"capture_id":"3","device":"pi1","posture_status":"Bad","neck_angle":null,"body_angle":8.5,` +
			`"neck_uncertainty":null,"body_uncertainty":null,"side":"left","view":"side","profile":"learnopencv",` +
			`"received_at":"2026-03-01T12:00:00Z","taken_at":"2026-03-01T11:59:59Z","analyzed_at":"2026-03-01T12:00:01Z","model":"full",` +
			`"processed_by":"hub","filename":"20260301T120000.000Z_3.jpg","source_filename":"desk.jpg","width":640,"height":480}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{}
			if err := announcer(t, announce.Options{Broker: r}).Announce(c.result); err != nil {
				t.Fatal(err)
			}
			want := []published{{"posture/pi1", c.want, true, 1}}
			if diff := cmp.Diff(want, r.published, cmp.AllowUnexported(published{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLandmarks(t *testing.T) {
	with := result("1", noon)
	with.Assessment.Pose = &posture.Pose{}
	with.Assessment.Pose.Landmarks[posture.LeftEar] = posture.Landmark{X: 0.25, Y: 0.5, Z: -0.125, Visibility: 0.75}
	for name, told := range map[string]bool{"told": true, "not told": false} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{}
			if err := announcer(t, announce.Options{Broker: r, Landmarks: told}).Announce(with); err != nil {
				t.Fatal(err)
			}
			var m announce.Message
			if err := json.Unmarshal([]byte(r.published[0].payload), &m); err != nil {
				t.Fatal(err)
			}
			if !told && m.Landmarks != nil {
				t.Errorf("%d landmarks", len(m.Landmarks))
			}
			if told && (len(m.Landmarks) != 33 || m.Landmarks[posture.LeftEar] != [4]float64{0.25, 0.5, -0.125, 0.75}) {
				t.Errorf("landmarks %v", m.Landmarks)
			}
		})
	}
}

func TestNewestCaptureIsRetained(t *testing.T) {
	r := &recorder{}
	a := announcer(t, announce.Options{Broker: r, Results: "house/posture"})
	other := result("9", noon.Add(-time.Hour))
	other.Device = "pi2"
	for _, x := range []posture.Result{
		result("5", noon), result("4", noon), result("3", noon.Add(-time.Minute)), other, result("6", noon.Add(time.Minute)), result("6", noon.Add(time.Minute)),
	} {
		if err := a.Announce(x); err != nil {
			t.Fatal(err)
		}
	}
	var retained []bool
	for _, p := range r.published {
		retained = append(retained, p.retain)
	}
	if diff := cmp.Diff([]bool{true, false, false, true, true, true}, retained); diff != "" {
		t.Error(diff)
	}
	if topic := r.published[0].topic; topic != "house/posture/pi1" {
		t.Errorf("topic %q", topic)
	}
}

func TestFailedPublicationIsToldAndForgotten(t *testing.T) {
	r := &recorder{err: errors.New("broken")}
	a := announcer(t, announce.Options{Broker: r})
	if err := a.Announce(result("5", noon)); err == nil || !strings.Contains(err.Error(), "capture 5") {
		t.Errorf("got %v", err)
	}
	r.err = nil
	if err := a.Announce(result("4", noon)); err != nil || !r.published[0].retain {
		t.Errorf("what never went out counts as the newest: %v", err)
	}
}

// A subscriber that comes late reads the newest result, before and after a restart of the broker, which keeps nothing.
func TestRetainedResultAcrossRestart(t *testing.T) {
	for range 2 {
		b, err := broker.Start(broker.Options{Listen: "127.0.0.1:0", Handle: func(context.Context, mqtt.Message) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		a := announcer(t, announce.Options{Broker: b})
		for _, latest := range []posture.Result{result("1", noon)} { // as the database gives them
			if err := a.Announce(latest); err != nil {
				t.Error(err)
			}
		}
		host, port, err := net.SplitHostPort(b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "mosquitto_sub", "-h", host, "-p", port, "-t", "posture/+", "-q", "1", "-C", "1", "-W", "10", "-F", "%t %r %p").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), `posture/pi1 1 {"capture_id":"1"`) {
			t.Errorf("%v: %s", err, out)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The documentation names every field of a result and no other.
func TestDocumentedSchema(t *testing.T) {
	text, err := os.ReadFile("../../../docs/mqtt.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "## Results\n")
	if !found {
		t.Fatal("docs/mqtt.md has no section Results")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)`").FindAllStringSubmatch(section, -1) {
		documented[row[1]] = true
	}
	sent := map[string]bool{}
	for field := range reflect.TypeFor[announce.Message]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		sent[name] = true
	}
	if diff := cmp.Diff(sent, documented); diff != "" {
		t.Errorf("fields sent (-) and documented (+):\n%s", diff)
	}
}
