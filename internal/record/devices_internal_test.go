package record

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"plumbline/internal/posture"
)

func of(device string, received time.Time, angles *posture.Angles) posture.Result {
	status := posture.Good
	if angles == nil {
		status = posture.NoLandmarks
	}
	return posture.Result{Device: device, ReceivedAt: received, Assessment: posture.Assessment{Status: status, Angles: angles}}
}

// The newest picture's angles are shown while it is young; a picture that comes late changes none.
func TestAnglesAreThoseOfTheNewestPicture(t *testing.T) {
	d, now := newDevices(), time.Now()
	d.add(of("new", now, &posture.Angles{Neck: 30, Torso: 5}))
	d.add(of("new", now.Add(-time.Minute), &posture.Angles{Neck: 60, Torso: 50}))
	d.add(of("old", now.Add(-angleAge), &posture.Angles{Neck: 40, Torso: 15}))
	d.add(of("nobody", now, nil))
	want := `# HELP plumbline_record_neck_angle_degrees Neck angle in the newest picture. Absent where it was not measured, and once the picture is five minutes old.
# TYPE plumbline_record_neck_angle_degrees gauge
plumbline_record_neck_angle_degrees{device="new"} 30
# HELP plumbline_record_results_total Rows written, by device and status.
# TYPE plumbline_record_results_total counter
plumbline_record_results_total{device="new",status="Good"} 2
plumbline_record_results_total{device="nobody",status="No_Landmarks"} 1
plumbline_record_results_total{device="old",status="Good"} 1
`
	if err := testutil.CollectAndCompare(d, strings.NewReader(want), "plumbline_record_neck_angle_degrees", "plumbline_record_results_total"); err != nil {
		t.Error(err)
	}
	if n := testutil.CollectAndCount(d, "plumbline_record_newest_picture_timestamp_seconds"); n != 3 {
		t.Errorf("the time of the newest picture is told for %d devices of 3", n)
	}
}

// Names come from outside: those beyond the limit share one.
func TestDevicesAreBounded(t *testing.T) {
	d := newDevices()
	for i := range maxDevices + 7 {
		d.add(of(fmt.Sprint("pi", i), time.Now(), nil))
	}
	d.add(of("pi1", time.Now(), nil)) // known, and so still counted by its name
	if n := testutil.CollectAndCount(d, "plumbline_record_results_total"); n != maxDevices+1 {
		t.Errorf("%d series of %d devices", n, maxDevices+7)
	}
	if got := testutil.ToFloat64(d.results.WithLabelValues(otherDevices, "No_Landmarks")); got != 7 {
		t.Errorf("%v results of other devices, want 7", got)
	}
	if got := testutil.ToFloat64(d.results.WithLabelValues("pi1", "No_Landmarks")); got != 2 {
		t.Errorf("%v results of pi1, want 2", got)
	}
}
