//go:build cgo

package timerslack_test

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	_ "plumbline/internal/timerslack"
)

// Threads that the runtime starts have the slack of the first one.
func TestThreadsMayBeLate(t *testing.T) {
	for range 8 { // more than there are threads already
		done := make(chan int)
		go func() {
			runtime.LockOSThread() // and so the next goroutine gets another thread
			slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
			if err != nil {
				t.Error(err)
			}
			done <- slack
		}()
		if slack := <-done; slack != 1_000_000 {
			t.Errorf("a thread's timers may be late by %d ns, want 1 ms", slack)
		}
	}
}
