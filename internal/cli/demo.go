package cli

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

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
would. Open the page it names and watch. Annotated pictures go to analyzed_images in that folder (or --images-dir).

DATABASE_URL and SUPABASE_… are ignored, so that made-up people stay out of your table: rows go to an SQLite database in
the data folder, unless --database-url is given on the command line.

Examples:
  plumbline demo
  plumbline demo --devices 8 --every 1s`
}

func (c *demoCommand) Run(ctx context.Context, k *kong.Context, p *Process, file *configFile) error {
	if c.Devices < 1 || c.Every < 10*time.Millisecond {
		return misused(fmt.Errorf("--devices %d --every %s: give at least 1 device and 10ms", c.Devices, c.Every))
	}
	keepOffRealRows(&c.Serve, onCommandLine(k, "database-url"))
	c.MQTTURL = "" // its devices publish to the broker inside
	if c.ImagesDir == "" {
		c.ImagesDir = filepath.Join(c.Data.Data, "analyzed_images")
	}
	return serve(ctx, p, &c.Serve, file, func(h *hub) error {
		for i := range c.Devices {
			h.stages.start("device", func(ctx context.Context) error { return c.simulate(ctx, h, i) })
		}
		return nil
	})
}

// onCommandLine tells whether a flag was given there, rather than in the environment or the configuration file.
func onCommandLine(k *kong.Context, flag string) bool {
	return slices.ContainsFunc(k.Path, func(p *kong.Path) bool { return p.Flag != nil && p.Flag.Name == flag && !p.Resolved })
}

// keepOffRealRows makes the demonstration write to the SQLite of its own folder, whatever database the environment names;
// asked is whether its user named one.
func keepOffRealRows(c *config.Serve, asked bool) {
	if !asked {
		c.DatabaseURL = ""
	}
	for name := range environment() {
		if name == "DATABASE_URL" || strings.HasPrefix(name, "SUPABASE_") {
			_ = os.Unsetenv(name) // fails for no name that the environment holds
		}
	}
}

// simulate is one device: it sends the people in turn, each device beginning with another one.
func (c *demoCommand) simulate(ctx context.Context, h *hub, i int) error {
	_, err := device.Send(ctx, device.Options{
		URL: "mqtt://" + h.broker.embedded.Load().Addr(), Device: fmt.Sprintf("demo-%d", i+1), Form: device.Envelope,
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
