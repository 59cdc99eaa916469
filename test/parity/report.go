package main

import (
	"fmt"
	"io"
	"slices"
)

// What is wanted, in per cent of the torso's length and in degrees.
const (
	wantedMost  = 0.02 // the landmarks' mean error on 95 % of the pictures
	wantedEvery = 0.15 // and on every one
	wantedAngle = 0.1
)

// Summary is what comparing a folder with one model gave.
type Summary struct {
	Model       string
	Golden      *Golden
	Comparisons []Comparison
}

func (s *Summary) count(keep func(Comparison) bool) int {
	n := 0
	for _, c := range s.Comparisons {
		if keep(c) {
			n++
		}
	}
	return n
}

func (s *Summary) outcome(o ...Outcome) int {
	return s.count(func(c Comparison) bool { return slices.Contains(o, c.Outcome) })
}

// values are those of the pictures that are to be counted, sorted.
func (s *Summary) values(counts func(Comparison) bool, of func(Comparison) float64) []float64 {
	var v []float64
	for _, c := range s.Comparisons {
		if counts(c) {
			v = append(v, of(c))
		}
	}
	slices.Sort(v)
	return v
}

// quantile is the least value that the given part of the sorted values doesn't exceed.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func read(c Comparison) bool {
	return slices.Contains([]Outcome{BothFound, BothNobody, OnlyWheel, OnlyOurs}, c.Outcome)
}

// Misses lists what is not as wanted, one sentence each.
func (s *Summary) Misses() []string {
	misses := s.missedPictures()
	if q := quantile(s.values(both, meanError), 0.95); q >= wantedMost {
		misses = append(misses, fmt.Sprintf("%s: 95th percentile of the mean landmark error is %.4f %% of the torso", s.Model, q))
	}
	return misses
}

// missedPictures lists the pictures that are not as wanted.
func (s *Summary) missedPictures() []string {
	var misses []string
	miss := func(format string, args ...any) { misses = append(misses, s.Model+": "+fmt.Sprintf(format, args...)) }
	for _, c := range s.Comparisons {
		switch c.Outcome {
		case OnlyWheel, OnlyOurs, WheelReads, OursReads:
			miss("%s: %s%s", c.File, c.Outcome, because(c.Reason))
		}
		if read(c) && !c.SamePixels {
			miss("%s: the decoded pixels differ from OpenCV's", c.File)
		}
		if read(c) && c.SamePixels && !(c.SameDetectionCrop && (c.SameLandmarkCrop || !c.HasLandmarkCrop)) {
			miss("%s: a crop differs", c.File)
		}
		if read(c) && c.SamePixels && !c.SameRegion {
			miss("%s: the region of interest differs", c.File)
		}
		if c.Outcome == BothFound && c.Error >= wantedEvery {
			miss("%s: mean landmark error %.3f %% of the torso (%.0f pixels long)", c.File, c.Error, c.TorsoPixels)
		}
		if c.Outcome == BothFound && c.SamePixels && c.SameRegion && !c.SameLandmarks {
			miss("%s: a landmark's bits differ", c.File)
		}
		if c.Outcome == BothFound && !c.SameVerdict {
			miss("%s: status, side or view differ", c.File)
		}
		if c.Measured && max(c.Neck, c.Torso) > wantedAngle {
			miss("%s: neck differs by %.3f and torso by %.3f degrees", c.File, c.Neck, c.Torso)
		}
	}
	return misses
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

func both(c Comparison) bool         { return c.Outcome == BothFound }
func measured(c Comparison) bool     { return c.Measured }
func meanError(c Comparison) float64 { return c.Error }
func neck(c Comparison) float64      { return c.Neck }
func torso(c Comparison) float64     { return c.Torso }

// tableWriter writes a table in Markdown, one column a model.
type tableWriter struct {
	w         io.Writer
	summaries []*Summary
}

func (t tableWriter) head() {
	t.row("", func(s *Summary) string { return "**" + s.Model + "**" })
	t.row("---", func(*Summary) string { return "---:" })
}

func (t tableWriter) row(title string, of func(s *Summary) string) {
	fmt.Fprintf(t.w, "| %s |", title)
	for _, s := range t.summaries {
		fmt.Fprintf(t.w, " %s |", of(s))
	}
	fmt.Fprintln(t.w)
}

func (t tableWriter) number(title string, of func(s *Summary) int) {
	t.row(title, func(s *Summary) string { return fmt.Sprint(of(s)) })
}

func (t tableWriter) quantiles(title string, counts func(Comparison) bool, of func(Comparison) float64) {
	t.row(title+": median, 95th percentile, worst", func(s *Summary) string {
		v := s.values(counts, of)
		return fmt.Sprintf("%.4f, %.4f, %.4f", quantile(v, 0.5), quantile(v, 0.95), quantile(v, 1))
	})
}

// table writes what comparing with the wheel gave.
func table(w io.Writer, summaries []*Summary) {
	t := tableWriter{w, summaries}
	t.head()
	t.number("pictures", func(s *Summary) int { return len(s.Comparisons) })
	t.number("read by both", func(s *Summary) int { return s.count(read) })
	t.number("refused by both", func(s *Summary) int { return s.outcome(BothRefused) })
	t.row("decoded to the same bytes", func(s *Summary) string {
		return s.part(read, func(c Comparison) bool { return c.SamePixels })
	})
	t.number("person found or not agrees", func(s *Summary) int { return s.outcome(BothFound, BothNobody) })
	t.row("detector's crop identical to the bit", func(s *Summary) string {
		return s.part(read, func(c Comparison) bool { return c.SameDetectionCrop })
	})
	t.row("landmark crop identical to the bit, given the wheel's region", func(s *Summary) string { return s.part(hasCrop, sameCrop) })
	t.row("region of interest identical to the bit", func(s *Summary) string {
		return s.part(read, func(c Comparison) bool { return c.SameRegion })
	})
	t.number("persons", func(s *Summary) int { return s.count(both) })
	t.row("landmarks identical to the bit", func(s *Summary) string {
		return s.part(both, func(c Comparison) bool { return c.SameLandmarks })
	})
	t.quantiles("mean landmark error, % of the torso's length", both, meanError)
	t.quantiles("the same given the wheel's region", both, func(c Comparison) float64 { return c.ErrorInRegion })
	t.row("status, side and view agree", func(s *Summary) string {
		return s.part(both, func(c Comparison) bool { return c.SameVerdict })
	})
	t.number("both angles measurable", func(s *Summary) int { return s.count(measured) })
	t.quantiles("neck, degrees", measured, neck)
	t.quantiles("torso, degrees", measured, torso)
}

func hasCrop(c Comparison) bool  { return c.HasLandmarkCrop }
func sameCrop(c Comparison) bool { return c.SameLandmarkCrop }

// part counts in how many of some pictures something holds.
func (s *Summary) part(of, holds func(Comparison) bool) string {
	return fmt.Sprintf("%d of %d", s.count(func(c Comparison) bool { return of(c) && holds(c) }), s.count(of))
}

// details writes one line a picture.
func details(w io.Writer, s *Summary) {
	for _, c := range s.Comparisons {
		fmt.Fprintf(w, "%-42s %s", c.File, c.Outcome)
		if c.Outcome == BothFound {
			fmt.Fprintf(w, ": error %.4f %% (worst landmark %.3f %%), neck %.4f, torso %.4f degrees", c.Error, c.Worst, c.Neck, c.Torso)
		}
		fmt.Fprintln(w, because(c.Reason))
	}
}
