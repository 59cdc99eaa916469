package exporter

import "plumbline/internal/cluster/exporter/nvml"

// device is one GPU and how it is read.
type device struct {
	key    string // the same for the same GPU each time it is looked for
	board  string // what people call it
	family string // by its chip, where the board's name does not say so
	jetson bool
	load   func() (float64, error)     // ratio, 0 to 1
	memory func() (nvml.Memory, error) // nil: it has none of its own
}
