package main

import (
	"fmt"
	"slices"
)

// figure is one line of the table: the same quantity of both systems, measured in several rounds.
type figure struct {
	what       string
	unit       string
	peer, ours []float64
	lessIsMore bool    // milliseconds and megabytes, as opposed to pictures a second
	wanted     float64 // the ratio that was aimed at
}

// ratio says how many times better the median of ours is.
func (f figure) ratio() float64 {
	if f.lessIsMore {
		return median(f.peer) / median(f.ours)
	}
	return median(f.ours) / median(f.peer)
}

func (f figure) row() string {
	return fmt.Sprintf("| %s, %s | %s | %s | %.2f | %.2f |\n", f.what, f.unit, spread(f.peer), spread(f.ours), f.ratio(), f.wanted)
}

// spread prints the median and, where there are several values, the smallest and the largest.
func spread(values []float64) string {
	if len(values) == 1 {
		return digits(values[0])
	}
	return fmt.Sprintf("%s (%s … %s)", digits(median(values)), digits(slices.Min(values)), digits(slices.Max(values)))
}

// digits prints three significant digits or so, never an exponent.
func digits(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// median is the middle value, or the mean of the two middle ones. values must not be empty.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
