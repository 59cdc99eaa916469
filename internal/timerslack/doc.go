// Package timerslack lets the timers of this process be late by up to a millisecond. The Go runtime watches for calls of C
// that last: while there are any, its watcher sleeps for 20 µs, looks, and sleeps again. With sessions that spend nearly all of
// their time in C that took 5 per cent of a busy hub's processor time. Linux may put off and join such short sleeps as far as a
// thread's slack allows (50 µs unless told otherwise; PR_SET_TIMERSLACK in prctl(2)), and threads inherit it from the one
// that starts them; so it is set before the runtime starts.
//
// It refuses nothing: nothing here needs to be on time by less than a millisecond. Import it for its effect.
package timerslack
