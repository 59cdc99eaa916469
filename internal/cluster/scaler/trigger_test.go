package scaler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/scaler"
	"plumbline/internal/gpu"
)

func TestTriggersMetadataStandsOverTheDefaults(t *testing.T) {
	defaults := scaler.Trigger{CapturesPerJob: 20, Rules: gpu.DefaultRules()}
	got, err := defaults.With(map[string]string{
		"scalerAddress": "control:9400", "enableTLS": "true", "unsafeSsl": "false", // KEDA's own
		"capturesPerJob": "5", "slotsPerNode": " 2 ", "policy": "two-choices", "threshold": "0.7", "workerLoad": "0.25", "cpuThreshold": "0",
		"memoryThreshold": "1", "maxAge": "90s", "fallback": "cpu", "fallbackAfter": "5m",
	})
	must(t, err)
	want := scaler.Trigger{CapturesPerJob: 5, Rules: gpu.DefaultRules()}
	want.Rules.Slots, want.Rules.Policy, want.Rules.Threshold, want.Rules.WorkerLoad = 2, gpu.TwoChoices, 0.7, 0.25
	want.Rules.CPUThreshold, want.Rules.MemoryThreshold, want.Rules.MaxAge = 0, 1, 90*time.Second
	want.Rules.Fallback, want.Rules.FallbackAfter = gpu.FallbackCPU, 5*time.Minute
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	same, err := defaults.With(nil)
	must(t, err)
	if same != defaults {
		t.Errorf("without metadata: %+v", same)
	}
}

func TestWrongMetadataIsNamed(t *testing.T) {
	defaults := scaler.Trigger{CapturesPerJob: 20, Rules: gpu.DefaultRules()}
	for name, c := range map[string]struct {
		metadata map[string]string
		says     []string
	}{
		"unknown":             {map[string]string{"capturesperjob": "5"}, []string{"there is no capturesperjob", "capturesPerJob, cpuThreshold"}},
		"no number":           {map[string]string{"slotsPerNode": "two"}, []string{`slotsPerNode is "two"`, "whole number"}},
		"nothing":             {map[string]string{"capturesPerJob": "0"}, []string{`"0"`, "from 1"}},
		"a percentage":        {map[string]string{"threshold": "80"}, []string{`threshold is "80"`, "such as 0.8"}},
		"not a number":        {map[string]string{"threshold": "NaN"}, []string{"NaN", "ratio"}},
		"a threshold of 0":    {map[string]string{"threshold": "0"}, []string{"threshold"}},
		"no unit":             {map[string]string{"maxAge": "60"}, []string{`maxAge is "60"`, "such as 60s"}},
		"no age":              {map[string]string{"maxAge": "0s"}, []string{`maxAge is "0s"`, "more than nothing"}},
		"an unknown policy":   {map[string]string{"policy": "best"}, []string{`"best"`, "least-loaded"}},
		"an unknown fallback": {map[string]string{"fallback": "gpu"}, []string{`"gpu"`, "wait"}},
		"several, all of them": {
			map[string]string{"a": "1", "b": "1", "slotsPerNode": "x", "policy": "best", "maxAge": "0s"},
			[]string{"there is no a, b (there are", "slotsPerNode", `policy is "best"`, `maxAge is "0s"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := defaults.With(c.metadata)
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("an Event would show the first line only: %v", err)
			}
			for _, says := range c.says {
				if err == nil || !strings.Contains(err.Error(), says) {
					t.Errorf("%v, want %q", err, says)
				}
			}
		})
	}
}
