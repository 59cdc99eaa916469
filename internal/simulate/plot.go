package simulate

import (
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"plumbline/internal/gpu"
)

// Measures of the picture, in pixels.
const (
	width     = 920.0
	left      = 150.0 // names of policies, and the backlog's axis
	right     = 150.0 // figures
	top       = 84.0  // titles
	row       = 34.0  // a policy's
	gap       = 92.0  // between the two diagrams
	lower     = 240.0 // height of the backlog
	bottom    = 52.0
	plotWidth = width - left - right
)

// colours are those of Okabe and Ito (2008), which people with any colour vision can tell apart.
var colours = map[gpu.Policy]string{
	Oracle: "#555555", gpu.LeastLoaded: "#0072b2", gpu.TwoChoices: "#009e73", gpu.Original: "#e69f00", Scripts: "#d55e00",
}

// WriteSVG draws the comparison: above the mean response of each seed, one row a policy, and below the backlog of the first
// seed as time goes by.
func (r Report) WriteSVG(out io.Writer) error {
	d := &drawing{}
	height := top + row*float64(len(r.Policies)) + gap + lower + bottom
	d.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="system-ui, 'Helvetica Neue', Arial, sans-serif" font-size="13" fill="#222">`, width, height)
	d.add(`<rect width="%.0f" height="%.0f" fill="#fff"/>`, width, height)
	d.text(20, 30, "start", `font-size="18" font-weight="600"`, "Response by policy: "+r.title())
	d.text(20, 52, "start", `fill="#666"`, r.subtitle())
	r.drawResponses(d, top)
	r.drawBacklog(d, top+row*float64(len(r.Policies))+gap)
	d.add(`</svg>`)
	_, err := io.WriteString(out, d.b.String())
	return err
}

func (r Report) title() string {
	if r.Scenario.Name != "" {
		return r.Scenario.Name
	}
	return fmt.Sprintf("%d nodes, %d pictures", r.Scenario.Nodes, r.Scenario.Pictures)
}

func (r Report) subtitle() string {
	s := r.Scenario
	return fmt.Sprintf("a picture takes %s / (1 - load), samples every %s, cold start %s, slots %d, threshold %.0f %%; a dot is one of %d seeds, the bar their median",
		s.Base, s.Scrape, s.ColdStart, s.Rules.Slots, 100*s.Rules.Threshold, len(r.Seeds))
}

type drawing struct{ b strings.Builder }

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(&d.b, format+"\n", args...) }

func (d *drawing) text(x, y float64, anchor, style, words string) {
	d.add(`<text x="%.1f" y="%.1f" text-anchor="%s" %s>%s</text>`, x, y, anchor, style, html.EscapeString(words))
}

func (d *drawing) line(x1, y1, x2, y2 float64, colour string, wide float64) {
	d.add(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"/>`, x1, y1, x2, y2, colour, wide)
}

func (r Report) drawResponses(d *drawing, y float64) {
	var all []float64
	for _, s := range r.Policies {
		all = append(all, s.known()...)
	}
	x := newScale(all, left, left+plotWidth)
	base := y + row*float64(len(r.Policies))
	for _, t := range x.ticks() {
		d.line(x.at(t), y-6, x.at(t), base, "#e4e4e4", 1)
		d.text(x.at(t), base+18, "middle", `fill="#666" font-size="12"`, axisTime(t))
	}
	d.text(left+plotWidth/2, base+38, "middle", `fill="#666"`, "mean response of a seed"+x.note())
	for i, s := range r.Policies {
		mid, colour := y+row*(float64(i)+0.5)-3, colours[s.Policy]
		d.text(left-14, mid+4, "end", `font-weight="500"`, string(s.Policy))
		for _, v := range s.known() {
			d.add(`<circle cx="%.1f" cy="%.1f" r="4.5" fill="%s" fill-opacity="0.45"/>`, x.at(v), mid, colour)
		}
		figure := s.Mean.String()
		if !s.Mean.none() {
			mean := float64(s.Mean)
			d.line(x.at(mean), mid-11, x.at(mean), mid+11, colour, 3)
			figure = axisTime(mean)
		}
		if s.ToOracle > 0 {
			figure += fmt.Sprintf(" (%.2f×)", s.ToOracle)
		}
		d.text(left+plotWidth+14, mid+4, "start", fmt.Sprintf(`fill="%s" font-weight="600" font-size="12"`, colour), figure)
	}
}

// known are the means of the seeds in which anything was done.
func (s *Summary) known() []float64 {
	var all []float64
	for _, v := range s.Means {
		if !v.none() {
			all = append(all, float64(v))
		}
	}
	return all
}

func (r Report) drawBacklog(d *drawing, y float64) {
	most, moments := 1.0, []float64{}
	lines := r.firstSeed()
	for _, o := range lines {
		most = max(most, float64(o.MaxBacklog))
		for _, p := range o.Backlog {
			moments = append(moments, max(p.At.Seconds(), r.Scenario.Poll.Seconds()))
		}
	}
	x, up := newScale(moments, left, left+plotWidth), scale{from: 0, to: most, a: y + lower, b: y}
	d.text(left, y-14, "start", `font-weight="600"`, fmt.Sprintf("Pictures that wait or are in work (seed %d)", r.Seeds[0]))
	for _, t := range up.ticks() {
		d.line(left, up.at(t), left+plotWidth, up.at(t), "#e4e4e4", 1)
		d.text(left-10, up.at(t)+4, "end", `fill="#666" font-size="12"`, fmt.Sprintf("%.0f", t))
	}
	for _, t := range x.ticks() {
		d.text(x.at(t), y+lower+18, "middle", `fill="#666" font-size="12"`, axisTime(t))
	}
	d.text(left+plotWidth/2, y+lower+38, "middle", `fill="#666"`, "since the first picture"+x.note())
	for _, o := range slices.Backward(lines) {
		d.add(`<path d="%s" fill="none" stroke="%s" stroke-width="2.2" stroke-opacity="0.85"%s/>`, stairs(o.Backlog, x, up), colours[o.Policy], dashes(o.Policy))
	}
	for i, o := range lines { // the legend
		lx, ly := left+24, y+lower-16-20*float64(len(lines)-1-i)
		d.add(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="2.6"%s/>`, lx, ly, lx+28, ly, colours[o.Policy], dashes(o.Policy))
		d.text(lx+36, ly+4, "start", `font-size="12"`, string(o.Policy))
	}
}

// dashes let lines that lie upon each other be seen, the oracle's above all.
func dashes(p gpu.Policy) string {
	switch p {
	case Oracle:
		return ` stroke-dasharray="2 4"`
	case gpu.TwoChoices:
		return ` stroke-dasharray="8 5"`
	}
	return ""
}

// firstSeed gives one run a policy.
func (r Report) firstSeed() []Outcome {
	var first []Outcome
	for _, o := range r.Runs {
		if o.Seed == r.Seeds[0] {
			first = append(first, o)
		}
	}
	return first
}

// mostCorners keeps the file small; a pixel shows no more.
const mostCorners = 600

func stairs(points []Point, x, y scale) string {
	var b strings.Builder
	step := max(1, len(points)/mostCorners)
	last := math.NaN()
	for i, p := range points {
		if i > 0 && i%step != 0 && i != len(points)-1 && p.At == points[i-1].At {
			continue
		}
		px, py := x.at(p.At.Seconds()), y.at(float64(p.Count))
		if math.IsNaN(last) {
			fmt.Fprintf(&b, "M%.1f %.1f", px, py)
		} else {
			fmt.Fprintf(&b, "H%.1fV%.1f", px, py)
		}
		last = py
	}
	return b.String()
}

// scale maps values from..to onto a..b, by their logarithms where they span much.
type scale struct {
	from, to, a, b float64
	log            bool
}

// spread is from which ratio of the greatest to the least value on a scale is logarithmic.
const spread = 8

func newScale(values []float64, a, b float64) scale {
	s := scale{from: 0, to: 1, a: a, b: b}
	if len(values) == 0 {
		return s
	}
	least, most := slices.Min(values), slices.Max(values)
	if s.log = least > 0 && most/least >= spread; s.log {
		s.from, s.to = least/1.15, most*1.15
	} else {
		s.to = max(most*1.05, 1e-3)
	}
	return s
}

func (s scale) at(v float64) float64 {
	from, to := s.from, s.to
	if s.log {
		v, from, to = math.Log(max(v, s.from)), math.Log(from), math.Log(to)
	}
	return s.a + (s.b-s.a)*(v-from)/(to-from)
}

// tickApart is the room that a tick's words need, in pixels.
const tickApart = 44

func (s scale) note() string {
	if s.log {
		return " (logarithmic)"
	}
	return ""
}

// ticks are round values: 1, 2, 5, 10 …; on a logarithmic scale of times also whole minutes.
func (s scale) ticks() []float64 {
	var all []float64
	if s.log {
		for _, t := range []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400} {
			apart := len(all) == 0 || math.Abs(s.at(t)-s.at(all[len(all)-1])) > tickApart
			if t >= s.from && t <= s.to && apart {
				all = append(all, t)
			}
		}
		return all
	}
	step := math.Pow(10, math.Floor(math.Log10(s.to/4)))
	for _, m := range []float64{5, 2} {
		if s.to/(step*m) >= 4 {
			step *= m
			break
		}
	}
	for t := 0.0; t <= s.to*1.0001; t += step {
		all = append(all, t)
	}
	return all
}

// axisTime writes seconds as people say them.
func axisTime(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 10 && v != math.Trunc(v):
		return fmt.Sprintf("%.1f s", v)
	case v < 120 && v != 60:
		return fmt.Sprintf("%.0f s", v)
	case v < 3600:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v/60), ".0") + " min"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", time.Duration(v*float64(time.Second)).Hours()), ".0") + " h"
}
