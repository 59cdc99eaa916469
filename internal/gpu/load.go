package gpu

import (
	"math"
	"time"
)

// rounding is what sums of ratios may be off by; loads that differ by less are equal.
const rounding = 1e-9

// atOrOver compares a load with a threshold as people add: 0.2 + 0.3 + 0.3 is 0.8.
func atOrOver(load, threshold float64) bool { return load >= threshold-rounding }

// expected is what a node's load is likely to be now: the measured ratio, less the shares of workers that it shows and that
// have ended since, plus those of workers that it does not show yet.
func expected(measured float64, at time.Time, window time.Duration, held []*Worker, usual float64) (load, added float64) {
	plus, minus := 0.0, 0.0
	for _, w := range held {
		shown, share := visible(w, at, window), w.share(usual)
		if w.Ended() {
			minus += share * shown
		} else {
			plus += share * (1 - shown)
		}
	}
	load = math.Max(0, measured-minus) + plus
	return load, load - measured
}

// share is the worker's measured part of the ratio, or else the usual one.
func (w *Worker) share(usual float64) float64 {
	if w.Load > 0 && w.Load <= 1 {
		return w.Load
	}
	return usual
}

// visible is the part of a sample's window in which the worker ran, 0 to 1.
func visible(w *Worker, at time.Time, window time.Duration) float64 {
	if w.Pending || w.started().After(at) {
		return 0
	}
	if window <= 0 {
		if w.Ended() && !w.EndedAt.After(at) {
			return 0
		}
		return 1
	}
	from, to := at.Add(-window), at
	if w.started().After(from) {
		from = w.started()
	}
	if w.Ended() && w.EndedAt.Before(to) {
		to = w.EndedAt
	}
	return math.Max(0, float64(to.Sub(from))/float64(window))
}

// headroom is how many workers fit one after the other until the expected load refuses the next.
func headroom(load, usual, threshold float64, slots int) int {
	n := 0
	for n < slots && !atOrOver(load+float64(n)*usual, threshold) {
		n++
	}
	return n
}

func running(held []*Worker) int {
	n := 0
	for _, w := range held {
		if !w.Ended() {
			n++
		}
	}
	return n
}
