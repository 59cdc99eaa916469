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
)

// Trigger is what a ScaledJob's trigger asks for: the rules of ranking, and how many captures make it worth a Job.
type Trigger struct {
	CapturesPerJob int       `json:"captures_per_job"`
	Rules          gpu.Rules `json:"rules"`
}

// DefaultCapturesPerJob is how many waiting captures ask for one Job.
const DefaultCapturesPerJob = 20

// ofKEDA are keys of an external trigger that are meant for KEDA itself.
var ofKEDA = []string{"scalerAddress", "enableTLS", "unsafeSsl"}

// settings are the keys that are meant for us, in KEDA's spelling.
var settings = map[string]func(*Trigger, string) error{
	"capturesPerJob":  func(t *Trigger, v string) error { return count(&t.CapturesPerJob, v) },
	"slotsPerNode":    func(t *Trigger, v string) error { return count(&t.Rules.Slots, v) },
	"policy":          func(t *Trigger, v string) error { t.Rules.Policy = gpu.Policy(v); return nil },
	"threshold":       func(t *Trigger, v string) error { return ratio(&t.Rules.Threshold, v) },
	"workerLoad":      func(t *Trigger, v string) error { return ratio(&t.Rules.WorkerLoad, v) },
	"cpuThreshold":    func(t *Trigger, v string) error { return ratio(&t.Rules.CPUThreshold, v) },
	"memoryThreshold": func(t *Trigger, v string) error { return ratio(&t.Rules.MemoryThreshold, v) },
	"maxAge":          func(t *Trigger, v string) error { return duration(&t.Rules.MaxAge, v) },
	"fallback":        func(t *Trigger, v string) error { t.Rules.Fallback = gpu.Fallback(v); return nil },
	"fallbackAfter":   func(t *Trigger, v string) error { return duration(&t.Rules.FallbackAfter, v) },
}

// With is the trigger with a ScaledJob's own metadata over it. The error names everything that is wrong.
func (t Trigger) With(metadata map[string]string) (Trigger, error) {
	var wrong []error
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		set, known := settings[key]
		switch {
		case known:
			if err := set(&t, strings.TrimSpace(metadata[key])); err != nil {
				wrong = append(wrong, fmt.Errorf("%s is %q: %w", key, metadata[key], err))
			}
		case !slices.Contains(ofKEDA, key):
			wrong = append(wrong, fmt.Errorf("there is no %s; there are %s", key, strings.Join(slices.Sorted(maps.Keys(settings)), ", ")))
		}
	}
	if len(wrong) > 0 {
		return t, fmt.Errorf("trigger metadata: %w", errors.Join(wrong...))
	}
	if err := t.Rules.Validate(); err != nil {
		return t, fmt.Errorf("trigger metadata: %w", err)
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
