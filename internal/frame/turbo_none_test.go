//go:build !cgo

package frame_test

import (
	"strings"
	"testing"

	"plumbline/internal/frame"
)

// TestWithoutCgo: headers can still be read, and what can't be done says why.
func TestWithoutCgo(t *testing.T) {
	if _, err := frame.NewDecoder(frame.Limits{}); err == nil || !strings.Contains(err.Error(), "cgo") {
		t.Errorf("NewDecoder: %v", err)
	}
	if _, err := frame.NewEncoder(0); err == nil || !strings.Contains(err.Error(), "cgo") {
		t.Errorf("NewEncoder: %v", err)
	}
	if _, err := frame.Inspect([]byte("GIF89a"), frame.Limits{}); !frame.IsRefusal(err) {
		t.Errorf("Inspect: %v", err)
	}
}
