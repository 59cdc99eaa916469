//go:build linux

package cases

import (
	"math"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

func TestFindingFits(t *testing.T) {
	upright, nobody := picture(0), picture(1)
	for i := 1; nobody.Person != ""; i++ {
		nobody = picture(i)
	}
	nan := math.NaN()
	for name, c := range map[string]struct {
		found        finding
		first, empty bool
	}{
		"measured":          {finding{"Good", true, upright.TrueNeck + 6, upright.TrueTorso + 1}, true, false},
		"nobody found":      {finding{"No_Landmarks", false, nan, nan}, false, true},
		"another posture":   {finding{"Bad", true, upright.TrueNeck + 6, upright.TrueTorso + 1}, false, false},
		"no angles":         {finding{"Good", true, nan, nan}, false, false},
		"another's angles":  {finding{"Good", true, upright.TrueNeck + 30, upright.TrueTorso}, false, false},
		"no landmarks said": {finding{"Good", false, upright.TrueNeck, upright.TrueTorso}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.found.fits(upright); got != c.first {
				t.Errorf("of somebody upright: %v", got)
			}
			if got := c.found.fits(nobody); got != c.empty {
				t.Errorf("of nobody: %v", got)
			}
		})
	}
}

// TestUnfinished: a Job whose pod failed waits before it makes another, and is not over meanwhile.
func TestUnfinished(t *testing.T) {
	over := func(c batchv1.JobConditionType) batchv1.JobStatus {
		return batchv1.JobStatus{Conditions: []batchv1.JobCondition{{Type: c, Status: corev1.ConditionTrue}}}
	}
	for name, c := range map[string]struct {
		status batchv1.JobStatus
		want   int
	}{
		"new": {batchv1.JobStatus{}, 1}, "active": {batchv1.JobStatus{Active: 1}, 1}, "between two pods": {batchv1.JobStatus{Failed: 1}, 1},
		"complete": {over(batchv1.JobComplete), 0}, "given up": {over(batchv1.JobFailed), 0}, "suspended": {over(batchv1.JobSuspended), 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := unfinished([]batchv1.Job{{Status: c.status}}); got != c.want {
				t.Errorf("%d, not %d", got, c.want)
			}
		})
	}
}
