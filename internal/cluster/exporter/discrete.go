package exporter

import (
	"fmt"
	"strings"

	"plumbline/internal/cluster/exporter/nvml"
)

// findByNVML opens NVML anew and lists its GPUs, or says why it can't: ErrNoLibrary on most nodes. A Jetson's integrated GPU
// that the classical driver runs is left out: NVML lists it as "Orin (nvgpu)" and answers Not Supported, or zeros, which
// would pass for idle; sysfs knows it.
func (e *Exporter) findByNVML() ([]device, error) {
	e.closeNVML()
	if e.o.NVML == NVMLNone {
		return nil, fmt.Errorf("%w: it is switched off", nvml.ErrNoLibrary)
	}
	library, err := nvml.Open(firstOf(e.o.NVML, nvml.DefaultLibrary))
	if err != nil {
		return nil, err
	}
	e.library = library
	listed, err := library.Devices()
	if err != nil {
		return nil, err
	}
	var all []device
	model := boardModel(e.o.Sysfs)
	for _, g := range listed {
		if !strings.Contains(g.Name, "nvgpu") {
			all = append(all, nvmlDevice(library, g, model))
		}
	}
	if len(all) == 0 {
		e.closeNVML()
	}
	return all, nil
}

func nvmlDevice(library *nvml.Library, g nvml.Device, model string) device {
	d := device{
		key: fmt.Sprintf("nvml %s %d", g.UUID, g.Index), board: strings.ToValidUTF8(g.Name, "?"),
		load:   func() (float64, error) { return library.Utilization(g.Index) },
		memory: func() (nvml.Memory, error) { return library.Memory(g.Index) },
	}
	// "NVIDIA Thor" on an "NVIDIA Jetson AGX Thor Developer Kit" is the board's own GPU.
	if short := strings.TrimPrefix(g.Name, "NVIDIA "); isJetson(model) && strings.Contains(model, short) {
		d.board, d.family, d.jetson = model, g.Name, true
	}
	return d
}

func (e *Exporter) closeNVML() {
	if e.library != nil {
		e.library.Close()
		e.library = nil
	}
}
