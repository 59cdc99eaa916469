//go:build cgo

package timerslack

/*
#include <sys/prctl.h>

// Constructors run before the Go runtime makes its first thread. 1 ms, in nanoseconds; an error means the usual slack.
__attribute__((constructor)) static void be_late(void) { prctl(PR_SET_TIMERSLACK, 1000000UL, 0UL, 0UL, 0UL); }
*/
import "C"
