package exporter_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"plumbline/internal/cluster/exporter"
)

// bench is an exporter that runs over a copy of a board's sysfs, in a bubble of synthetic time.
type bench struct {
	t        *testing.T
	sys      string
	log      *bytes.Buffer
	exporter *exporter.Exporter
	registry *prometheus.Registry
}

// start must be called inside a bubble.
func start(t *testing.T, board string, change func(*exporter.Options)) *bench {
	t.Helper()
	b := &bench{t: t, sys: filepath.Join(t.TempDir(), "sys"), log: new(bytes.Buffer), registry: prometheus.NewRegistry()}
	if board == "" {
		b.must(os.MkdirAll(filepath.Join(b.sys, "devices"), 0o700))
	} else {
		b.must(os.CopyFS(b.sys, os.DirFS(filepath.Join("testdata", board, "sys"))))
	}
	o := exporter.Options{
		Node: "node-1", Sysfs: b.sys, NVML: exporter.NVMLNone, Window: time.Second, Names: exporter.DefaultNames(),
		Log: slog.New(slog.NewTextHandler(b.log, nil)), Registerer: b.registry,
	}
	if change != nil {
		change(&o)
	}
	b.exporter = exporter.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.exporter.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	synctest.Wait()
	return b
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// pass lets time pass.
func (b *bench) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (b *bench) write(path, text string) {
	b.t.Helper()
	b.must(os.WriteFile(filepath.Join(b.sys, path), []byte(text), 0o600))
}

// series are the values of all gauges by name and labels, without the sample's time, which is given apart.
func (b *bench) series() (map[string]float64, map[string]time.Time) {
	b.t.Helper()
	families, err := b.registry.Gather()
	b.must(err)
	values, times := map[string]float64{}, map[string]time.Time{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch {
			case f.GetName() == "plumbline_gpu_sample_timestamp_seconds":
				times[label(m, "gpu")] = time.UnixMilli(int64(1000 * m.GetGauge().GetValue()))
			case f.GetType() == dto.MetricType_GAUGE:
				values[fmt.Sprintf("%s %s %s %s", f.GetName(), label(m, "node"), label(m, "gpu"), label(m, "board"))] = m.GetGauge().GetValue()
			}
		}
	}
	return values, times
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func (b *bench) errors() float64 {
	b.t.Helper()
	families, err := b.registry.Gather()
	b.must(err)
	for _, f := range families {
		if f.GetName() == "plumbline_gpu_read_errors_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	b.t.Fatal("errors are not counted")
	return 0
}

func TestBoards(t *testing.T) {
	for board, want := range map[string]map[string]float64{
		"nano": {
			"plumbline_gpu_utilization_ratio node-1 0 NVIDIA Jetson Nano Developer Kit": 0.15,
			"jetson_gpu_usage_percent node-1 0 NVIDIA Jetson Nano Developer Kit":        15,
		},
		"xavier": {
			"plumbline_gpu_utilization_ratio node-1 0 Jetson-AGX": 0.342,
			"jetson_gpu_usage_percent node-1 0 Jetson-AGX":        34.2,
		},
		"orin": {
			"plumbline_gpu_utilization_ratio node-1 0 NVIDIA Jetson AGX Orin Developer Kit": 0.774,
			"jetson_orin_gpu_load_percent node-1 0 NVIDIA Jetson AGX Orin Developer Kit":    77.4,
		},
		"thor": {}, // its load is NVML's to tell
		"":     {},
	} {
		t.Run(board, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, board, nil)
				got, times := b.series()
				if diff := cmp.Diff(want, rounded(got)); diff != "" {
					t.Error(diff)
				}
				if len(want) > 0 && !times["0"].Equal(time.Now()) {
					t.Errorf("measured at %s, now is %s", times["0"], time.Now())
				}
				if err := b.exporter.Ready(t.Context()); (err != nil) != (board == "thor") {
					t.Error(err)
				}
			})
		})
	}
}

// That there is no GPU is in order; that one cannot be read, or that nothing could be looked at, is not.
func TestReadyTellsNoGPUFromAnUnreadableOne(t *testing.T) {
	for name, c := range map[string]struct {
		board  string
		change func(*exporter.Options)
		want   string
	}{
		"no GPU":                {"", nil, ""},
		"Thor without NVML":     {"thor", nil, "gpu-gpc-0 is a GPU whose load only NVML tells: NVML is not here"},
		"a library that is not": {"", func(o *exporter.Options) { o.NVML = "/nowhere/libnvidia-ml.so.1" }, "NVML is not here"},
		"no sysfs":              {"", func(o *exporter.Options) { o.Sysfs = t.TempDir() }, "is no sysfs"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := start(t, c.board, c.change).exporter.Ready(t.Context())
				if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("readiness says %v, want %q", err, c.want)
				}
			})
		})
	}
}

func rounded(values map[string]float64) map[string]float64 {
	for k, v := range values {
		values[k] = float64(int(v*1e6+0.5)) / 1e6
	}
	return values
}

// Container runtimes hide /sys/firmware, and with it the board's model and where of_node points to.
func TestBoardsWithoutDeviceTree(t *testing.T) {
	for board, want := range map[string]string{
		"nano":   "jetson_gpu_usage_percent node-1 0 Jetson Nano or TX1",
		"xavier": "jetson_gpu_usage_percent node-1 0 Jetson Xavier",
		"orin":   "jetson_orin_gpu_load_percent node-1 0 Jetson Orin",
	} {
		for name, hide := range map[string][]string{
			"container":         {"firmware"},
			"no devfreq either": {"firmware", "class"},
		} {
			t.Run(board+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := start(t, board, func(o *exporter.Options) {
						for _, h := range hide {
							if err := os.RemoveAll(filepath.Join(o.Sysfs, h)); err != nil {
								t.Fatal(err)
							}
						}
					})
					if got, _ := b.series(); len(got) != 2 || got[want] == 0 {
						t.Errorf("found %v, want %s", got, want)
					}
				})
			})
		}
	}
}

func TestFailedReadingTakesTheSeriesAway(t *testing.T) {
	for name, broken := range map[string]string{"no number": "busy", "over the top": "1001", "negative": "-1", "another kernel's": "0@300000000Hz", "empty": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, "orin", nil)
				b.write("devices/platform/gpu.0/load", broken)
				b.pass(200 * time.Millisecond)
				if got, times := b.series(); len(got)+len(times) > 0 {
					t.Errorf("shows %v at %v", got, times)
				}
				if n := b.errors(); n != 1 {
					t.Errorf("%v errors counted", n)
				}
				if err := b.exporter.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "Jetson AGX Orin") {
					t.Errorf("readiness says %v", err)
				}
				b.pass(time.Minute)
				b.write("devices/platform/gpu.0/load", "100\n")
				b.pass(200 * time.Millisecond)
				if got, _ := b.series(); got["plumbline_gpu_utilization_ratio node-1 0 NVIDIA Jetson AGX Orin Developer Kit"] != 0.1 {
					t.Errorf("after the repair: %v", got)
				}
				if n := strings.Count(b.log.String(), "cannot be read"); n != 1 {
					t.Errorf("the failure was logged %d times:\n%s", n, b.log)
				}
			})
		})
	}
}

func TestMeanOverTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "orin", nil)
		const name = "plumbline_gpu_utilization_ratio node-1 0 NVIDIA Jetson AGX Orin Developer Kit"
		b.write("devices/platform/gpu.0/load", "0")
		b.pass(2 * time.Second)
		if got, _ := b.series(); got[name] != 0 {
			t.Errorf("idle for 2 s: %v", got[name])
		}
		b.write("devices/platform/gpu.0/load", "1000")
		for i, want := range []float64{0.2, 0.4, 0.6, 0.8, 1, 1} {
			b.pass(200 * time.Millisecond)
			if got, _ := b.series(); got[name] != want {
				t.Errorf("%d readings of full load: %v, want %v", i+1, got[name], want)
			}
		}
	})
}

// A node without a GPU stays up, says so once, and takes one that appears later: nvgpu's node may come after boot.
func TestGPUThatAppearsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "orin", func(o *exporter.Options) {
			if err := os.Rename(o.Sysfs, o.Sysfs+".later"); err != nil {
				t.Fatal(err)
			}
		})
		b.pass(5 * time.Minute)
		if got, _ := b.series(); len(got) > 0 {
			t.Errorf("a node without a GPU shows %v", got)
		}
		if n := strings.Count(b.log.String(), "no GPU can be measured"); n != 1 {
			t.Errorf("said %d times:\n%s", n, b.log)
		}
		if err := os.Rename(b.sys+".later", b.sys); err != nil {
			t.Fatal(err)
		}
		b.pass(11 * time.Second)
		if got, _ := b.series(); len(got) != 2 {
			t.Errorf("after it appeared: %v", got)
		}
	})
}

func TestThorWithoutNVMLSaysWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "thor", nil)
		b.pass(time.Minute)
		if n := strings.Count(b.log.String(), "whose load only NVML tells: NVML is not here: it is switched off"); n != 1 {
			t.Errorf("said %d times:\n%s", n, b.log)
		}
	})
}

func TestNamesOfExistingSetUps(t *testing.T) {
	for name, c := range map[string]struct {
		rules []string
		want  string
	}{
		"own":           {[]string{"orin=jetson_orin1_gpu_usage_percent"}, "jetson_orin1_gpu_usage_percent"},
		"first that is": {[]string{"xavier=a", "AGX orin=b", "*=c"}, "b"},
		"every Jetson":  {[]string{"xavier=a", "*=c"}, "c"},
		"none":          {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				names, err := exporter.ParseNames(c.rules)
				if err != nil {
					t.Fatal(err)
				}
				b := start(t, "orin", func(o *exporter.Options) { o.Names = names })
				got, _ := b.series()
				delete(got, "plumbline_gpu_utilization_ratio node-1 0 NVIDIA Jetson AGX Orin Developer Kit")
				for k := range got {
					if k != c.want+" node-1 0 NVIDIA Jetson AGX Orin Developer Kit" {
						t.Errorf("unexpected %s", k)
					}
				}
				if (len(got) == 1) != (c.want != "") {
					t.Errorf("got %v", got)
				}
			})
		})
	}
	for _, bad := range []string{"orin", "=x", "orin=", "orin=a b", "orin=plumbline_gpu_utilization_ratio", "orin=9x", "*=go_goroutines", "*=up", "*=go_gc_duration_seconds_count", "orin=a,Orin=b"} {
		if _, err := exporter.ParseNames(strings.Split(bad, ",")); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestMetricsAreWellNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "orin", nil)
		families, err := b.registry.Gather()
		b.must(err)
		problems, err := promlint.NewWithMetricFamilies(families).Lint()
		b.must(err)
		for _, p := range problems {
			if !strings.HasPrefix(p.Metric, "jetson_") { // others named them
				t.Errorf("%s: %s", p.Metric, p.Text)
			}
		}
	})
}
