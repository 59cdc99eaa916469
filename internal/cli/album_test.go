package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// While annotated pictures cannot be stored (here a file lies where their folder belongs, which stops root too) the hub keeps
// the captures, says that it is degraded, and catches up by itself once they can.
func TestPicturesThatCannotBeStoredWait(t *testing.T) {
	h := startHub(t)
	inTheWay := filepath.Join(h.dir, "images", "analyzed_images_from_pi1")
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const pictures = 3
	for range pictures {
		sendOne(t, h.mqtt)
	}
	h.until(20*time.Second, "a hub that is degraded", func() bool { return strings.Contains(h.body("/readyz"), `"degraded":true`) })
	var depth struct{ Waiting, Leased, Dead int }
	if h.get("/api/v1/queue", &depth); depth.Waiting+depth.Leased != pictures || depth.Dead != 0 {
		t.Errorf("the queue holds %+v, want all %d pictures", depth, pictures)
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	h.drain()
	if said := h.body("/readyz"); strings.Contains(said, "degraded") {
		t.Errorf("after that /readyz says %s", said)
	}
	h.stop()
	rows := rowsBySource(t, h.data())[""]
	if len(rows) != pictures {
		t.Errorf("%d rows, want %d", len(rows), pictures)
	}
	for _, row := range rows {
		if info, err := os.Stat(filepath.Join(inTheWay, row.Filename)); err != nil || info.Size() == 0 {
			t.Errorf("a row's picture: %v", err)
		}
	}
}
