//go:build cgo && linux

package nvml_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/exporter/nvml"
	"plumbline/internal/cluster/exporter/nvml/nvmltest"
)

func TestLibraryIsReadAndItsErrorsAreTold(t *testing.T) {
	fake := nvmltest.New(t, nvmltest.GPU{Name: "NVIDIA H100 80GB HBM3", Percent: 42, Used: 3 << 30, Total: 80 << 30}, nvmltest.GPU{Name: "Orin (nvgpu)", Percent: -3, Total: -3})
	lib, err := nvml.Open(fake.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer lib.Close()
	devices, err := lib.Devices()
	if err != nil {
		t.Fatal(err)
	}
	want := []nvml.Device{{Index: 0, Name: "NVIDIA H100 80GB HBM3", UUID: "GPU-1"}, {Index: 1, Name: "Orin (nvgpu)", UUID: "GPU-2"}}
	if diff := cmp.Diff(want, devices); diff != "" {
		t.Error(diff)
	}
	if u, err := lib.Utilization(0); err != nil || u != 0.42 {
		t.Errorf("utilization is %v, %v", u, err)
	}
	if m, err := lib.Memory(0); err != nil || m != (nvml.Memory{Used: 3 << 30, Total: 80 << 30}) {
		t.Errorf("memory is %v, %v", m, err)
	}
	if _, err := lib.Utilization(1); err == nil || !strings.Contains(err.Error(), "Not Supported") {
		t.Errorf("an integrated GPU's utilization gives %v", err)
	}
	fake.Show(nvmltest.GPU{Name: "NVIDIA H100 80GB HBM3", Percent: 250})
	if u, err := lib.Utilization(0); err == nil {
		t.Errorf("250 %% passes for %v", u)
	}
	if m, err := lib.Memory(0); err == nil {
		t.Errorf("no memory at all passes for %v", m)
	}
	fake.Show()
	if _, err := lib.Utilization(0); err == nil || !strings.Contains(err.Error(), "GPU is lost") {
		t.Errorf("a lost GPU gives %v", err)
	}
}

func TestWithoutLibraryOrDriver(t *testing.T) {
	if _, err := nvml.Open(filepath.Join(t.TempDir(), "libnvidia-ml.so.1")); !errors.Is(err, nvml.ErrNoLibrary) {
		t.Errorf("no library gives %v", err)
	}
	if _, err := nvml.Open("libm.so.6"); !errors.Is(err, nvml.ErrNoLibrary) || !strings.Contains(err.Error(), "nvmlInit_v2") {
		t.Errorf("another library gives %v", err)
	}
	fake := nvmltest.New(t)
	fake.Unload()
	if _, err := nvml.Open(fake.Path); err == nil || errors.Is(err, nvml.ErrNoLibrary) || !strings.Contains(err.Error(), "Driver Not Loaded") {
		t.Errorf("a library without its driver gives %v", err)
	}
}
