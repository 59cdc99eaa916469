package cli

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"time"

	"plumbline/internal/config"
	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/device"
	"plumbline/internal/wording"
)

type sendCommand struct {
	config.QuietLogging `embed:"" group:"Logging"`

	Files            []string `arg:"" help:"Pictures, folders or patterns; - reads one picture from standard input."`
	Device           string   `help:"Name of the device to publish as." required:"" placeholder:"NAME" env:"-"`
	URL              string   `name:"mqtt-url" help:"Broker to publish to: mqtt://, mqtts://, ws:// or wss://." default:"mqtt://127.0.0.1:1883" placeholder:"URL"`
	Topic            string   `name:"mqtt-topic" help:"Topics that pictures go to; the last level is the device." default:"images/+"`
	Version          string   `name:"mqtt-version" help:"Version of MQTT to speak: ${enum}. Auto tries 5 and then 3.1.1." enum:"auto,5,3.1.1" default:"auto"`
	config.BrokerTLS `embed:""`

	Username string  `help:"Account at the broker; its password comes from PLUMBLINE_MQTT_PASSWORD or --password-file." placeholder:"NAME"`
	Password string  `name:"password-file" help:"File with the account's password." placeholder:"FILE" type:"path"`
	Rate     float64 `help:"Pictures a second (0: as fast as they are acknowledged)." default:"0"`
	Raw      bool    `help:"Send the picture's bytes instead of base64." xor:"form"`
	Envelope bool    `help:"Send a JSON object with the file's name and time." xor:"form"`
	Repeat   int     `help:"Send all of them N times." default:"1" env:"-"`
	JSON     bool    `help:"Print the outcome as JSON." name:"json"`
}

// Help shows examples.
func (sendCommand) Help() string {
	return `Ends when every picture is acknowledged. A hub does so when it has it safe on its disk; a broker in between answers for
itself, and may keep it in memory only. The exit code is 1 when the broker refused one; what cannot be a picture is
acknowledged and ends as a dead letter: plumbline dead list.

Examples:
  plumbline send photo.jpg --device pi1
  plumbline send pictures/ --device pi2 --rate 2 --envelope
  plumbline send *.jpg --device pi3 --mqtt-url mqtt://hub.local:1883 --username pi3 --password-file secret
  plumbline send *.jpg --device pi4 --mqtt-url mqtts://hub.local --mqtt-ca ca.crt --mqtt-client-cert pi4.crt --mqtt-client-key pi4.key`
}

func (c *sendCommand) Run(ctx context.Context, p *Process) error {
	options, err := c.options()
	if err != nil {
		return misused(err)
	}
	options.Logger = newLog(p, config.Logging(c.QuietLogging))
	files, err := expand(c.Files)
	if err != nil {
		return misused(err)
	}
	if err := readable(files); err != nil {
		return misused(err)
	}
	if c.Repeat < 1 {
		return misused(fmt.Errorf("--repeat is %d: give at least 1", c.Repeat))
	}
	bar := newProgressBar(p, len(files)*c.Repeat)
	outcome, err := device.Send(ctx, options, c.pictures(files, p.Stdin), func(progress device.Progress) {
		if progress.Err != nil {
			fmt.Fprintf(p.Stderr, "%s was refused: %v\n", progress.Name, progress.Err)
		}
		if bar != nil {
			_ = bar.Set(progress.Acknowledged + progress.Refused) // a bar that cannot be drawn is no reason to stop
		}
	})
	if bar != nil {
		_ = bar.Finish()
	}
	c.report(p, outcome)
	if err == nil && outcome.Refused > 0 {
		return &exit{code: exitFailed}
	}
	return err
}

// readable finds a mistyped name before anything is sent.
func readable(files []string) error {
	for _, name := range files {
		if name == "-" {
			continue
		}
		if _, err := os.Stat(name); err != nil {
			return err
		}
	}
	return nil
}

func (c *sendCommand) report(p *Process, o device.Progress) {
	if c.JSON {
		fmt.Fprintf(p.Stdout, `{"sent":%d,"acknowledged":%d,"refused":%d,"sent_again":%d,"bytes":%d}`+"\n", o.Sent, o.Acknowledged, o.Refused, o.SentAgain, o.Bytes)
		return
	}
	fmt.Fprintf(p.Stdout, "%s sent as %s, %d acknowledged", wording.Count(o.Sent, "picture"), c.Device, o.Acknowledged)
	if o.Refused > 0 {
		fmt.Fprintf(p.Stdout, ", %d refused", o.Refused)
	}
	fmt.Fprintln(p.Stdout)
}

func (c *sendCommand) options() (device.Options, error) {
	pattern, err := mqtt.ParsePattern(c.Topic)
	if err != nil {
		return device.Options{}, fmt.Errorf("--mqtt-topic: %w", err)
	}
	password, err := secret("MQTT password", c.Password, "PLUMBLINE_MQTT_PASSWORD")
	if err != nil {
		return device.Options{}, err
	}
	version := c.Version
	if version == "auto" {
		version = ""
	}
	form := device.Base64
	switch {
	case c.Raw:
		form = device.Raw
	case c.Envelope:
		form = device.Envelope
	}
	return device.Options{
		URL: c.URL, TLS: brokerTLS(c.BrokerTLS), Username: c.Username, Password: password, Version: version,
		Device: c.Device, Pictures: pattern, Form: form, Rate: c.Rate,
	}, nil
}

// pictures reads the files one by one, as they are sent.
func (c *sendCommand) pictures(files []string, stdin io.Reader) iter.Seq2[device.Picture, error] {
	return func(yield func(device.Picture, error) bool) {
		for range c.Repeat {
			for _, name := range files {
				picture, err := readPicture(name, stdin)
				if !yield(picture, err) || err != nil {
					return
				}
			}
		}
	}
}

func readPicture(name string, stdin io.Reader) (device.Picture, error) {
	if name == "-" {
		b, err := io.ReadAll(stdin)
		if err != nil {
			return device.Picture{}, fmt.Errorf("reading standard input: %w", err)
		}
		return device.Picture{Name: "stdin", TakenAt: time.Now(), Bytes: b}, nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return device.Picture{}, err
	}
	picture := device.Picture{Name: filepath.Base(name), Bytes: b}
	if info, err := os.Stat(name); err == nil {
		picture.TakenAt = info.ModTime()
	}
	return picture, nil
}
