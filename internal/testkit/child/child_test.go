package child_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"plumbline/internal/testkit/child"
)

func TestSaysAndStops(t *testing.T) {
	p, err := child.Start(t.TempDir(), "sh", "-c", "echo complaint >&2; echo it is ready; exec sleep 60")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Says(t.Context(), "ready"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.PeakMemory(); err != nil {
		t.Error(err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if p.Err() == nil {
		t.Error("an end by a signal counts as a good one")
	}
	if said, err := os.ReadFile(p.Log); err != nil || string(said) != "complaint\n" {
		t.Errorf("the log holds %q (%v)", said, err)
	}
}

func TestEarlyEndIsTold(t *testing.T) {
	p, err := child.Start(t.TempDir(), "sh", "-c", "exit 3")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Says(t.Context(), "ready"); err == nil || !strings.Contains(err.Error(), p.Log) {
		t.Errorf("Says gives %v", err)
	}
	if err := p.Answers(t.Context(), func() error { return errors.New("no") }); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("Answers gives %v", err)
	}
	if err := p.Kill(); err != nil {
		t.Errorf("killing what has ended: %v", err)
	}
}
