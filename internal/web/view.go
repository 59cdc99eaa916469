package web

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"plumbline/internal/posture"
)

// machineTime orders as text as it does in time: UTC with a fixed number of digits.
const machineTime = "2006-01-02T15:04:05.000Z"

// resultView is one result in words for people. Every string may hold anything a device sent; html/template escapes it.
type resultView struct {
	ID          string
	Device      string
	DeviceURL   string
	Verdict     verdict
	Neck, Torso angleView
	Measured    bool
	Stance      string // "left side, oblique view"
	Skewed      bool   // not from the side, so that the angles are foreshortened
	Picture     string // address; empty when none was kept
	Alt         string
	At          string // when received, for machines
	Clock       string // for people
	Ago         string
	ProcessedBy string
	Model       string
	Source      string
	Gauge       *gauge
}

// verdict is a status as a word, a sign and a colour's name: colour alone tells some people nothing.
type verdict struct{ Word, Sign, Class string }

func verdictOf(s posture.Status) verdict {
	switch s {
	case posture.Good:
		return verdict{"Good", "✓", "good"}
	case posture.Bad:
		return verdict{"Bad", "!", "bad"}
	case posture.InsufficientLandmarks:
		return verdict{"Too little visible", "?", "unsure"}
	case posture.NoLandmarks:
		return verdict{"Nobody", "–", "nobody"}
	}
	return verdict{string(s), "?", "unsure"}
}

// angleView is an angle in whole degrees, as the table has it, and its uncertainty; that is empty where none was stated.
type angleView struct{ Degrees, Uncertainty string }

func viewAngle(profile string, degrees, uncertainty float64) angleView {
	a := angleView{Degrees: strconv.Itoa(posture.IntegerAngle(profile, degrees))}
	if uncertainty > 0 {
		a.Uncertainty = strconv.FormatFloat(uncertainty, 'f', 1, 64)
	}
	return a
}

func (p *page) result(r posture.Result) resultView {
	a := r.Assessment
	v := resultView{
		ID: r.CaptureID, Device: r.Device, DeviceURL: "/?device=" + url.QueryEscape(r.Device), Verdict: verdictOf(a.Status),
		Stance: stance(a.Side, a.View), Skewed: a.View == posture.ViewOblique || a.View == posture.ViewFrontal,
		Picture: pictureURL(r), At: r.ReceivedAt.UTC().Format(machineTime),
		Clock: r.ReceivedAt.UTC().Format("2006-01-02 15:04:05 UTC"), Ago: ago(p.now().Sub(r.ReceivedAt)),
		ProcessedBy: r.ProcessedBy, Model: r.Model, Source: r.Source,
	}
	if a.Angles != nil {
		v.Measured = true
		v.Neck = viewAngle(a.Profile, a.Angles.Neck, a.Angles.NeckUncertainty)
		v.Torso = viewAngle(a.Profile, a.Angles.Torso, a.Angles.TorsoUncertainty)
		v.Gauge = newGauge(a.Side, *a.Angles)
	}
	v.Alt = "Annotated picture of " + v.Say()
	return v
}

// stance says from where the person is seen.
func stance(s posture.Side, view posture.View) string {
	var words []string
	if s != posture.SideNone {
		words = append(words, string(s)+" side")
	}
	if view != posture.ViewNone {
		words = append(words, string(view)+" view")
	}
	return strings.Join(words, ", ")
}

// Say is the result in one sentence.
func (v resultView) Say() string {
	if !v.Measured {
		return fmt.Sprintf("%s: %s", v.Device, strings.ToLower(v.Verdict.Word))
	}
	return fmt.Sprintf("%s: %s posture, neck %s degrees, torso %s degrees", v.Device, strings.ToLower(v.Verdict.Word), v.Neck.Degrees, v.Torso.Degrees)
}

// ago is a time span in the words that plumbline.js uses too.
func ago(d time.Duration) string {
	switch {
	case d < 5*time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", d/time.Hour)
	}
	return fmt.Sprintf("%d days ago", d/(24*time.Hour))
}
