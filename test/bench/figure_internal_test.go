package main

import "testing"

func TestMedian(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   float64
	}{
		"one":  {[]float64{7}, 7},
		"odd":  {[]float64{9, 1, 4}, 4},
		"even": {[]float64{4, 1, 9, 2}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if got := median(c.values); got != c.want {
				t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
			}
		})
	}
}

func TestRatioIsAboveOneWhereOursIsBetter(t *testing.T) {
	for name, f := range map[string]figure{
		"faster":  {peer: []float64{50, 60, 70}, ours: []float64{120}},
		"sooner":  {peer: []float64{60}, ours: []float64{20, 30, 40}, lessIsMore: true},
		"smaller": {peer: []float64{300, 300}, ours: []float64{150, 150}, lessIsMore: true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := f.ratio(); got != 2 {
				t.Errorf("ratio = %v, want 2", got)
			}
		})
	}
}

func TestRow(t *testing.T) {
	f := figure{what: "start", unit: "ms", peer: []float64{900, 840, 870}, ours: []float64{95.44}, lessIsMore: true, wanted: 8}
	const want = "| start, ms | 870 (840 … 900) | 95.4 | 9.12 | 8.00 |\n"
	if got := f.row(); got != want {
		t.Errorf("row = %q, want %q", got, want)
	}
}

func TestParseOutcome(t *testing.T) {
	o := parseOutcome("first\n25.5\n24.5\ndecoding=1.25\npeak=274.5\n")
	if len(o.times) != 2 || o.times[1] != 24.5 || len(o.stages) != 1 || o.stages[0] != (stage{"decoding", 1.25}) || o.peak != 274.5 {
		t.Errorf("parseOutcome = %+v", o)
	}
}
