//go:build cgo && linux

package exporter_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/exporter"
	"plumbline/internal/cluster/exporter/nvml/nvmltest"
)

func TestGPUsByNVML(t *testing.T) {
	for name, c := range map[string]struct {
		board string
		gpus  []nvmltest.GPU
		want  map[string]float64
	}{
		"two discrete ones": {"", []nvmltest.GPU{{Name: "NVIDIA RTX A2000", Percent: 40, Used: 1 << 30, Total: 6 << 30}, {Name: "NVIDIA T4", Percent: 0, Used: 1, Total: 2}}, map[string]float64{
			"plumbline_gpu_utilization_ratio node-1 0 NVIDIA RTX A2000":  0.4,
			"plumbline_gpu_memory_used_bytes node-1 0 NVIDIA RTX A2000":  1 << 30,
			"plumbline_gpu_memory_total_bytes node-1 0 NVIDIA RTX A2000": 6 << 30,
			"plumbline_gpu_utilization_ratio node-1 1 NVIDIA T4":         0,
			"plumbline_gpu_memory_used_bytes node-1 1 NVIDIA T4":         1,
			"plumbline_gpu_memory_total_bytes node-1 1 NVIDIA T4":        2,
		}},
		"Thor, without memory of its own": {"thor", []nvmltest.GPU{{Name: "NVIDIA Thor", Percent: 97, Total: -3}}, map[string]float64{
			"plumbline_gpu_utilization_ratio node-1 0 NVIDIA Jetson AGX Thor Developer Kit": 0.97,
			"jetson_gpu_usage_percent node-1 0 NVIDIA Jetson AGX Thor Developer Kit":        97,
		}},
		"Orin, of which NVML knows nothing and says 0": {"orin", []nvmltest.GPU{{Name: "Orin (nvgpu)", Percent: 0, Total: -3}}, map[string]float64{
			"plumbline_gpu_utilization_ratio node-1 0 NVIDIA Jetson AGX Orin Developer Kit": 0.774,
			"jetson_orin_gpu_load_percent node-1 0 NVIDIA Jetson AGX Orin Developer Kit":    77.4,
		}},
		"Orin with a card": {"orin", []nvmltest.GPU{{Name: "Orin (nvgpu)", Percent: -3, Total: -3}, {Name: "NVIDIA RTX A6000", Percent: 5, Total: 4}}, map[string]float64{
			"plumbline_gpu_utilization_ratio node-1 0 NVIDIA Jetson AGX Orin Developer Kit": 0.774,
			"jetson_orin_gpu_load_percent node-1 0 NVIDIA Jetson AGX Orin Developer Kit":    77.4,
			"plumbline_gpu_utilization_ratio node-1 1 NVIDIA RTX A6000":                     0.05,
			"plumbline_gpu_memory_used_bytes node-1 1 NVIDIA RTX A6000":                     0,
			"plumbline_gpu_memory_total_bytes node-1 1 NVIDIA RTX A6000":                    4,
		}},
		"one that does not tell": {"", []nvmltest.GPU{{Name: "NVIDIA A100 (MIG)", Percent: -3, Total: 4}}, map[string]float64{}},
	} {
		t.Run(name, func(t *testing.T) {
			fake := nvmltest.New(t, c.gpus...)
			synctest.Test(t, func(t *testing.T) {
				b := start(t, c.board, func(o *exporter.Options) { o.NVML = fake.Path })
				got, _ := b.series()
				if diff := cmp.Diff(c.want, rounded(got)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// A board's own GPU that NVML does not list is unknown, whatever else NVML lists.
func TestThorThatNVMLDoesNotList(t *testing.T) {
	fake := nvmltest.New(t, nvmltest.GPU{Name: "NVIDIA T4", Percent: 50, Total: 1})
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "thor", func(o *exporter.Options) { o.NVML = fake.Path })
		if err := b.exporter.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "NVML does not list it") {
			t.Errorf("readiness says %v", err)
		}
	})
}

// A driver that is updated or a GPU that falls off the bus takes the series away; the library is opened anew until it answers.
func TestNVMLThatComesAndGoes(t *testing.T) {
	gpu := nvmltest.GPU{Name: "NVIDIA T4", Percent: 50, Total: 1}
	fake := nvmltest.New(t, gpu)
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "", func(o *exporter.Options) { o.NVML = fake.Path })
		if got, _ := b.series(); len(got) != 3 {
			t.Errorf("at first: %v", got)
		}
		fake.Unload()
		b.pass(time.Minute)
		if got, _ := b.series(); len(got) > 0 {
			t.Errorf("without its driver: %v", got)
		}
		if !strings.Contains(b.log.String(), "Driver Not Loaded") {
			t.Errorf("the log does not say why:\n%s", b.log)
		}
		fake.Show(gpu)
		b.pass(11 * time.Second)
		if got, _ := b.series(); len(got) != 3 {
			t.Errorf("after its return: %v", got)
		}
	})
}
