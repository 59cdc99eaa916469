package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"plumbline/internal/posture"
)

// manyFiles is from how many files on a progress bar is worth its line.
const manyFiles = 8

// report writes what became of files: a table for people, JSON lines for machines.
type report struct {
	out     *bufio.Writer
	json    bool
	narrow  bool // somebody reads it in a terminal: long names are cut
	bar     *progressbar.ProgressBar
	refused int
	files   int
}

func newReport(p *Process, asJSON bool, files int) *report {
	r := &report{out: bufio.NewWriter(p.Stdout), json: asJSON, narrow: isTerminal(p.Stdout)}
	if !r.narrow { // else the table itself shows how far it is
		r.bar = newProgressBar(p, files)
	}
	if !asJSON {
		fmt.Fprintf(r.out, "%-40s %-22s %13s %13s  %-5s %s\n", "FILE", "STATUS", "NECK", "TORSO", "SIDE", "VIEW")
	}
	return r
}

// newProgressBar is nil where no person watches or the work is short.
func newProgressBar(p *Process, n int) *progressbar.ProgressBar {
	if n < manyFiles || !isTerminal(p.Stderr) {
		return nil
	}
	return progressbar.NewOptions(n, progressbar.OptionSetWriter(p.Stderr), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetItsString("pictures"), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (r *report) add(a analyzed) error {
	r.files++
	if a.err != nil {
		r.refused++
	}
	if r.bar != nil {
		_ = r.bar.Add(1) // a bar that cannot be drawn is no reason to stop
	}
	if r.json {
		if err := r.line(a); err != nil {
			return err
		}
	} else {
		r.row(a)
	}
	return r.out.Flush()
}

// close says how many were refused; any refusal makes the exit code 1.
func (r *report) close() error {
	if r.bar != nil {
		_ = r.bar.Finish()
	}
	if r.refused > 0 {
		return fmt.Errorf("%d of %d pictures refused", r.refused, r.files)
	}
	return nil
}

func (r *report) row(a analyzed) {
	name := a.file
	if r.narrow {
		name = shorten(name, 40)
	}
	if a.err != nil {
		fmt.Fprintf(r.out, "%-40s refused: %v\n", name, a.err)
		return
	}
	neck, torso := "-", "-"
	if angles := a.assessment.Angles; angles != nil {
		neck = fmt.Sprintf("%5.1f° ± %3.1f°", angles.Neck, angles.NeckUncertainty)
		torso = fmt.Sprintf("%5.1f° ± %3.1f°", angles.Torso, angles.TorsoUncertainty)
	}
	fmt.Fprintf(r.out, "%-40s %-22s %13s %13s  %-5s %s\n", name, a.assessment.Status, neck, torso, a.assessment.Side, a.assessment.View)
}

// shorten keeps the end of a long name, where names differ.
func shorten(name string, n int) string {
	runes := []rune(name)
	if len(runes) <= n {
		return name
	}
	return "…" + string(runes[len(runes)-n+1:])
}

// analysisLine is one line of analyze --json; the names are a promise to others.
type analysisLine struct {
	File            string       `json:"file"`
	Width           int          `json:"width"` // 0 where the file was refused
	Height          int          `json:"height"`
	Landmarks       [][4]float32 `json:"landmarks"` // 33 of x, y, z, visibility; null when nobody was found
	NeckAngle       *float64     `json:"neck_angle"`
	BodyAngle       *float64     `json:"body_angle"`
	NeckUncertainty *float64     `json:"neck_uncertainty"`
	BodyUncertainty *float64     `json:"body_uncertainty"`
	Status          *string      `json:"posture_status"`
	Side            *string      `json:"side"`
	View            *string      `json:"view"`
	Error           string       `json:"error,omitempty"`
}

func (r *report) line(a analyzed) error {
	l := analysisLine{File: a.file, Width: a.width, Height: a.height}
	if a.err != nil {
		l.Error = a.err.Error()
	} else {
		l.Status, l.Side, l.View = word(a.assessment.Status), word(a.assessment.Side), word(a.assessment.View)
		l.Landmarks = landmarks(a.assessment.Pose)
	}
	if angles := a.assessment.Angles; angles != nil && a.err == nil {
		l.NeckAngle, l.BodyAngle = rounded(angles.Neck), rounded(angles.Torso)
		l.NeckUncertainty, l.BodyUncertainty = rounded(angles.NeckUncertainty), rounded(angles.TorsoUncertainty)
	}
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encoding the result of %s: %w", a.file, err)
	}
	_, err = r.out.Write(append(b, '\n'))
	return err
}

// word is nil where nothing was found out.
func word[T ~string](w T) *string {
	if w == "" {
		return nil
	}
	s := string(w)
	return &s
}

// rounded to a thousandth of a degree: what is below is noise of the runtime.
func rounded(v float64) *float64 {
	v = math.Round(v*1000) / 1000
	return &v
}

func landmarks(p *posture.Pose) [][4]float32 {
	if p == nil {
		return nil
	}
	out := make([][4]float32, len(p.Landmarks))
	for i, l := range p.Landmarks {
		out[i] = [4]float32{l.X, l.Y, l.Z, l.Visibility}
	}
	return out
}
