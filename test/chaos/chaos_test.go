package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A thousand pictures come through while a worker dies every second.
func TestWorkersDieAndNothingIsLost(t *testing.T) {
	o := options{plumbline: filepath.Join(t.TempDir(), "plumbline"), pictures: 1000, devices: 4, hubs: 1, workers: 2,
		killEvery: time.Second, model: "lite"}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", o.plumbline, "plumbline")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		t.Fatal(err)
	}
	v, err := run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(v)
	if err := v.complaint(); err != nil {
		t.Error(err)
	}
	if v.Acknowledged != o.pictures || v.WorkersKilled < 5 {
		t.Errorf("%d of %d pictures were acknowledged and %d workers killed: too little to prove anything", v.Acknowledged, o.pictures, v.WorkersKilled)
	}
}
