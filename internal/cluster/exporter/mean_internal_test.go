package exporter

import (
	"testing"
	"time"
)

// Where readings stop altogether, as when the kernel does not answer, the last ones do not pass for live.
func TestReadingsDoNotOutliveTheirTime(t *testing.T) {
	now := time.Now()
	g := &measured{}
	g.note(reading{now, 0.5}, nil, time.Second)
	if ratio, at, live := g.mean(now.Add(liveFor)); !live || ratio != 0.5 || !at.Equal(now) {
		t.Errorf("after %s: %v, %v, %v", liveFor, ratio, at, live)
	}
	if _, _, live := g.mean(now.Add(liveFor + time.Millisecond)); live {
		t.Errorf("still live after more than %s", liveFor)
	}
}
