package scaler

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"plumbline/internal/gpu"
	"plumbline/internal/wording"
)

// Trigger is what a ScaledJob's trigger asks for: the rules of ranking, and how many captures make it worth a Job.
type Trigger struct {
	CapturesPerJob int       `json:"captures_per_job"`
	Rules          gpu.Rules `json:"rules"`
}

// DefaultCapturesPerJob is how many waiting captures ask for one Job.
const DefaultCapturesPerJob = 20

// Validate says what cannot be honoured, all of it.
func (t Trigger) Validate() error {
	var wrong error
	if t.CapturesPerJob < 1 {
		wrong = fmt.Errorf("a Job for every %d captures can't be: give at least 1", t.CapturesPerJob)
	}
	return errors.Join(wrong, t.Rules.Validate())
}

// address is the key by which KEDA finds an external scaler.
const address = "scalerAddress"

// ofKEDA are keys of an external trigger that are meant for KEDA itself.
var ofKEDA = []string{address, "enableTLS", "unsafeSsl"}

// settings are the keys that are meant for us, in KEDA's spelling.
var settings = map[string]func(*Trigger, string) error{
	"capturesPerJob":  func(t *Trigger, v string) error { return count(&t.CapturesPerJob, v) },
	"slotsPerNode":    func(t *Trigger, v string) error { return count(&t.Rules.Slots, v) },
	"policy":          func(t *Trigger, v string) error { return oneOf(&t.Rules.Policy, v, gpu.Policies()) },
	"threshold":       func(t *Trigger, v string) error { return moreThanNothing(ratio, &t.Rules.Threshold, v, "0.8") },
	"workerLoad":      func(t *Trigger, v string) error { return ratio(&t.Rules.WorkerLoad, v) },
	"cpuThreshold":    func(t *Trigger, v string) error { return ratio(&t.Rules.CPUThreshold, v) },
	"memoryThreshold": func(t *Trigger, v string) error { return ratio(&t.Rules.MemoryThreshold, v) },
	"maxAge":          func(t *Trigger, v string) error { return moreThanNothing(duration, &t.Rules.MaxAge, v, "60s") },
	"fallback":        func(t *Trigger, v string) error { return oneOf(&t.Rules.Fallback, v, gpu.Fallbacks()) },
	"fallbackAfter":   func(t *Trigger, v string) error { return duration(&t.Rules.FallbackAfter, v) },
}

// Understands says whether there is nothing in a trigger's metadata but keys that are known here: another scaler's has others.
func Understands(metadata map[string]string) bool {
	for key := range metadata {
		if _, known := settings[key]; !known && !slices.Contains(ofKEDA, key) {
			return false
		}
	}
	return true
}

// With is the trigger with a ScaledJob's own metadata over it. The error names everything that is wrong, in one line: of an Event
// kubectl shows the first.
func (t Trigger) With(metadata map[string]string) (Trigger, error) {
	var wrong, strange []string
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		set, known := settings[key]
		switch {
		case known:
			if err := set(&t, strings.TrimSpace(metadata[key])); err != nil {
				wrong = append(wrong, fmt.Sprintf("%s is %q: %v", key, metadata[key], err))
			}
		case !slices.Contains(ofKEDA, key):
			strange = append(strange, key)
		}
	}
	if len(strange) > 0 {
		wrong = append(wrong, fmt.Sprintf("there is no %s (there are %s)", strings.Join(strange, ", "), strings.Join(slices.Sorted(maps.Keys(settings)), ", ")))
	}
	if err := t.Rules.Validate(); err != nil {
		wrong = append(wrong, wording.OneLine(err))
	}
	if len(wrong) > 0 {
		return t, fmt.Errorf("trigger metadata: %w", errors.New(strings.Join(wrong, "; ")))
	}
	return t, nil
}

// most keeps products of counts within an int.
const most = 1_000_000

func count(to *int, text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return fmt.Errorf("give a whole number from 1 to %d", most)
	}
	*to = n
	return nil
}

func oneOf[T ~string](to *T, text string, all []T) error {
	if !slices.Contains(all, T(text)) {
		return fmt.Errorf("give one of %v", all)
	}
	*to = T(text)
	return nil
}

// moreThanNothing sets what must be more than 0.
func moreThanNothing[T time.Duration | float64](set func(*T, string) error, to *T, text, such string) error {
	var v T
	if err := set(&v, text); err != nil {
		return err
	}
	if v == 0 {
		return fmt.Errorf("give more than nothing, such as %s", such)
	}
	*to = v
	return nil
}

func ratio(to *float64, text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 1) {
		return errors.New("give a ratio such as 0.8, not a percentage")
	}
	*to = v
	return nil
}

func duration(to *time.Duration, text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return errors.New("give a duration with its unit, such as 60s or 2m")
	}
	*to = d
	return nil
}
