package cli

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"plumbline/internal/config"
	"plumbline/internal/demo/people"
	"plumbline/internal/mqtt/device"
)

type demoCommand struct {
	config.Serve `embed:""`

	Devices int           `help:"Simulated devices." default:"3" group:"Demo"`
	Every   time.Duration `help:"Time between two pictures of one device." default:"3s" group:"Demo"`
}

// Help says what happens.
func (demoCommand) Help() string {
	return `Runs a hub in ./plumbline-demo (or --data) and a few devices that publish pictures of synthetic people over MQTT, as cameras
would. Open the page it names and watch.`
}

func (c *demoCommand) Run(ctx context.Context, p *Process, file *configFile) error {
	if c.Devices < 1 || c.Every < 10*time.Millisecond {
		return misused(fmt.Errorf("--devices %d --every %s: give at least 1 device and 10ms", c.Devices, c.Every))
	}
	keepOffRealRows(&c.Serve)
	if filepath.Base(c.Data.Data) == "plumbline-data" {
		c.Data.Data = filepath.Join(filepath.Dir(c.Data.Data), "plumbline-demo")
	}
	if filepath.Base(c.ImagesDir) == "analyzed_images" {
		c.ImagesDir = filepath.Join(c.Data.Data, "analyzed_images")
	}
	return serve(ctx, p, &c.Serve, file, func(h *hub) error {
		for i := range c.Devices {
			h.stages.start("device", func(ctx context.Context) error { return c.simulate(ctx, h, i) })
		}
		return nil
	})
}

// keepOffRealRows makes the demonstration write to the SQLite of its own folder, whatever database the environment names.
func keepOffRealRows(c *config.Serve) {
	c.DatabaseURL = ""
	for name := range environment() {
		if name == "DATABASE_URL" || strings.HasPrefix(name, "SUPABASE_") {
			_ = os.Unsetenv(name) // fails for no name that the environment holds
		}
	}
}

// simulate is one device: it sends the people in turn, each device beginning with another one.
func (c *demoCommand) simulate(ctx context.Context, h *hub, i int) error {
	_, err := device.Send(ctx, device.Options{
		URL: "mqtt://" + h.broker.Load().Addr(), Device: fmt.Sprintf("demo-%d", i+1), Form: device.Envelope,
		Rate: float64(time.Second) / float64(c.Every), Logger: h.part("demo"),
	}, parade(ctx, i), nil)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// parade goes round all people until ctx ends.
func parade(ctx context.Context, start int) iter.Seq2[device.Picture, error] {
	all := people.People()
	return func(yield func(device.Picture, error) bool) {
		for i := start * len(all) / 3; ctx.Err() == nil; i++ {
			person := all[i%len(all)]
			if !yield(device.Picture{Name: person.File, TakenAt: time.Now(), Bytes: person.Picture}, nil) {
				return
			}
		}
	}
}
