package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"plumbline/internal/config"
	"plumbline/internal/queue"
	"plumbline/internal/web"
)

type deadCommand struct {
	List   deadList   `cmd:"" help:"List the dead letters, oldest first."`
	Show   deadShow   `cmd:"" help:"Show one, and save what was received."`
	Replay deadReplay `cmd:"" help:"Put dead letters back into the queue."`
	Drop   deadDrop   `cmd:"" help:"Remove dead letters for good."`
}

// Help shows the way.
func (deadCommand) Help() string {
	return `What came and could not be analysed is kept with its reason: what never was a picture, and pictures at which several
attempts went wrong. Works on a data folder, whether a hub runs on it or not.

Examples:
  plumbline dead list
  plumbline dead show 01M80P80FXBHGM3R80E268RXJD -o received.jpg
  plumbline dead replay --all                     # after what went wrong was mended
  plumbline dead drop 01M80P80FXBHGM3R80E268RXJD`
}

// graveyard is what the dead commands do, in the data folder itself or by way of the hub that runs on it.
type graveyard interface {
	List(ctx context.Context) ([]web.DeadLetter, error)
	Get(ctx context.Context, id string) (web.DeadLetter, error)
	Replay(ctx context.Context, id string) error
	Drop(ctx context.Context, id string) error
}

// openGraveyard takes the data folder's lock, or else asks the hub that holds it.
func openGraveyard(ctx context.Context, c config.Queue) (graveyard, func() error, error) {
	folder, running, err := holdFolder(c.Data)
	switch {
	case err != nil:
		return nil, nil, err
	case running != nil:
		return running, func() error { return nil }, nil
	}
	h, err := openIdleQueue(ctx, &config.Serve{Data: c.Data, OutsideNATS: c.OutsideNATS, Sync: string(queue.SyncAlways)})
	if err != nil {
		return nil, nil, errors.Join(err, folder.Close())
	}
	return deadLetters{h}, func() error { return errors.Join(h.Close(), folder.Close()) }, nil
}

// deadLetters is the queue in the words of page and commands.
type deadLetters struct{ *queue.Hub }

func (d deadLetters) List(ctx context.Context) ([]web.DeadLetter, error) {
	var list []web.DeadLetter
	for letter, err := range d.DeadLetters(ctx) {
		if err != nil {
			return nil, err
		}
		list = append(list, shownLetter(letter))
	}
	return list, nil
}

func (d deadLetters) Get(ctx context.Context, id string) (web.DeadLetter, error) {
	letter, err := d.DeadLetter(ctx, id)
	if err != nil {
		return web.DeadLetter{}, err
	}
	shown := shownLetter(letter)
	shown.Head = letter.Picture
	return shown, nil
}

func (d deadLetters) Drop(ctx context.Context, id string) error {
	return d.Hub.Drop(ctx, id, "dropped by hand")
}

func shownLetter(l queue.DeadLetter) web.DeadLetter {
	return web.DeadLetter{
		ID: l.ID, Device: l.Device, Topic: l.Topic, Source: l.Source, Reason: l.Reason, At: l.BuriedAt, Bytes: int(l.Size), SHA256: l.SHA256,
		Attempts: l.Attempts, Replay: !l.Refused,
	}
}

type deadList struct {
	config.Queue `embed:""`
	JSON         bool `help:"One JSON object a line." name:"json"`
}

// Help shows examples.
func (deadList) Help() string {
	return `Examples:
  plumbline dead list
  plumbline dead list --data /var/lib/plumbline --json`
}

func (c *deadList) Run(ctx context.Context, p *Process) (err error) {
	g, shut, err := openGraveyard(ctx, c.Queue)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shut()) }()
	letters, err := g.List(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(p.Stdout)
		for _, l := range letters {
			if err := out.Encode(l); err != nil {
				return fmt.Errorf("writing the list: %w", err)
			}
		}
		return nil
	}
	if len(letters) == 0 {
		fmt.Fprintln(p.Stdout, "No dead letters: every picture that came was analysed or still waits.")
		return nil
	}
	out := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tDEVICE\tWHEN\tBYTES\tATTEMPTS\tREASON")
	for _, l := range letters {
		fmt.Fprintf(out, "%s\t%s\t%s\t%d\t%d\t%s\n", l.ID, sender(l), l.At.Local().Format(time.DateTime), l.Bytes, l.Attempts, l.Reason)
	}
	return out.Flush()
}

// sender is the device, or else the topic, whose last level is no name that a device can have.
func sender(l web.DeadLetter) string {
	if l.Device != "" {
		return l.Device
	}
	const most = 40
	topic := []rune(strconv.Quote(l.Topic))
	if len(topic) > most {
		topic = append(topic[:most], '…')
	}
	return string(topic)
}

type deadShow struct {
	config.Queue `embed:""`
	ID           string `arg:"" help:"Id of the dead letter."`
	Output       string `help:"File to save what was received to." short:"o" placeholder:"FILE" type:"path"`
	JSON         bool   `help:"One JSON object, with what was received as base64 in head." name:"json"`
}

// Help shows examples.
func (deadShow) Help() string {
	return `Of what was too large, only the first 64 KiB are kept.

Examples:
  plumbline dead show 01M80P80FXBHGM3R80E268RXJD
  plumbline dead show 01M80P80FXBHGM3R80E268RXJD -o received.jpg`
}

func (c *deadShow) Run(ctx context.Context, p *Process) (err error) {
	g, shut, err := openGraveyard(ctx, c.Queue)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shut()) }()
	l, err := g.Get(ctx, c.ID)
	if err != nil {
		return err
	}
	if c.Output != "" {
		if err := os.WriteFile(c.Output, l.Head, 0o600); err != nil {
			return fmt.Errorf("saving what was received: %w", err)
		}
	}
	if c.JSON {
		return json.NewEncoder(p.Stdout).Encode(l)
	}
	out := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "id\t%s\ndevice\t%s\ntopic\t%s\nwhen\t%s\nreason\t%s\nattempts\t%d\nreceived\t%d bytes, %d kept, sha256 %s\n",
		l.ID, l.Device, l.Topic, l.At.Local().Format(time.DateTime), l.Reason, l.Attempts, l.Bytes, len(l.Head), l.SHA256)
	again := "yes: " + p.hint("dead replay "+l.ID)
	if !l.Replay {
		again = "no: it never was a picture"
	}
	fmt.Fprintf(out, "replay\t%s\n", again)
	return out.Flush()
}

// deadChange is what replay and drop share.
type deadChange struct {
	config.Queue `embed:""`
	IDs          []string `arg:"" optional:"" name:"id" help:"Ids of dead letters."`
	All          bool     `help:"All of them." env:"-"`
}

// each does act to every letter that was named and says how many there were.
func (c *deadChange) each(ctx context.Context, p *Process, past string, act func(graveyard, string) error) (err error) {
	if c.All == (len(c.IDs) > 0) {
		return misused(errors.New("name the dead letters by their ids, or give --all"))
	}
	g, shut, err := openGraveyard(ctx, c.Queue)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shut()) }()
	ids := c.IDs
	if c.All {
		letters, err := g.List(ctx)
		if err != nil {
			return err
		}
		for _, l := range letters {
			ids = append(ids, l.ID)
		}
	}
	var problems []error
	for _, id := range ids {
		if err := act(g, id); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", id, err))
		}
	}
	fmt.Fprintf(p.Stdout, "%d of %d %s\n", len(ids)-len(problems), len(ids), past)
	return errors.Join(problems...)
}

type deadReplay struct {
	deadChange `embed:""`
}

// Help shows examples.
func (deadReplay) Help() string {
	return `What never was a picture cannot be replayed.

Examples:
  plumbline dead replay 01M80P80FXBHGM3R80E268RXJD
  plumbline dead replay --all`
}

func (c *deadReplay) Run(ctx context.Context, p *Process) error {
	return c.each(ctx, p, "back in the queue", func(g graveyard, id string) error { return g.Replay(ctx, id) })
}

type deadDrop struct {
	deadChange `embed:""`
}

// Help shows examples.
func (deadDrop) Help() string {
	return `Examples:
  plumbline dead drop 01M80P80FXBHGM3R80E268RXJD
  plumbline dead drop --all`
}

func (c *deadDrop) Run(ctx context.Context, p *Process) error {
	return c.each(ctx, p, "dropped", func(g graveyard, id string) error { return g.Drop(ctx, id) })
}
