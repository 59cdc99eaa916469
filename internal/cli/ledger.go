package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"plumbline/internal/config"
	"plumbline/internal/datadir"
	"plumbline/internal/ledger"
	"plumbline/internal/queue"
	"plumbline/internal/store"
	"plumbline/internal/web"
)

type ledgerCommand struct {
	config.Ledger `embed:""`
	JSON          bool `help:"Print one JSON object." name:"json"`
}

// Help says what the words mean.
func (ledgerCommand) Help() string {
	return `Compares every picture that was accepted with where it is now, by its id:
  accepted   in the journal: its sender has an acknowledgement (kept for --journal-age)
  recorded   has a row, or had one that --rows-max-age removed
  waiting    in the queue
  leased     in the queue and held by a live worker, wherever that runs, or in the pause after a failed attempt
  dead       a dead letter: plumbline dead list
  dropped    was a dead letter that somebody dropped
  missing    none of these: it must not be

The exit code is 0 when nothing is missing and nothing is too much, else 1; 2 when the command line is wrong.
A hub may run and work meanwhile. docs/ledger.md says what to do when something is missing.

Examples:
  plumbline ledger
  plumbline ledger --json | jq -r '.missing[].id'
  plumbline ledger --http http://hub.local:8080 --http-token-file token`
}

func (c *ledgerCommand) Run(ctx context.Context, p *Process, command *kong.Context) error {
	if c.HTTP != "" && onCommandLine(command, "data") {
		return misused(errors.New("--data and --http exclude each other: the ledger of this folder, or of the hub at that address?"))
	}
	defer c.sayIfLong(p)()
	report, err := c.take(ctx)
	if err != nil {
		return err
	}
	if err := c.write(p, report); err != nil {
		return err
	}
	if !report.Balanced {
		return &exit{code: exitFailed}
	}
	return nil
}

// patience is after which time people are told why nothing shows yet.
const patience = 2 * time.Second

func (c *ledgerCommand) sayIfLong(p *Process) (stop func()) {
	if !isTerminal(p.Stderr) {
		return func() {}
	}
	timer := time.AfterFunc(patience, func() {
		fmt.Fprintln(p.Stderr, "reading the journal, the queue and the rows; a million pictures take about half a minute …")
	})
	return func() { timer.Stop() }
}

func (c *ledgerCommand) take(ctx context.Context) (ledger.Report, error) {
	if c.HTTP != "" {
		client, err := newRemoteClient(c.HTTP, c.HTTPTokenFile, "a hub", "http://127.0.0.1:8080")
		if err != nil {
			return ledger.Report{}, misused(err)
		}
		return client.Ledger(ctx)
	}
	folder, running, err := holdFolder(c.Data)
	switch {
	case err != nil:
		return ledger.Report{}, err
	case running != nil:
		return running.Ledger(ctx)
	}
	report, err := c.takeHere(ctx)
	return report, errors.Join(err, folder.Close())
}

// holdFolder takes the data folder's lock, or else finds the hub that has it.
func holdFolder(d config.Data) (*datadir.Folder, *hubClient, error) {
	if err := datadir.Used(d.Data); err != nil {
		return nil, nil, misused(fmt.Errorf("%w; name the hub's with --data", err))
	}
	folder, err := datadir.Lock(d.Data)
	if !errors.Is(err, datadir.ErrInUse) {
		return folder, nil, err
	}
	hub, err := datadir.ReadHub(d.Data)
	if err != nil {
		return nil, nil, fmt.Errorf("a hub that is just starting or ending holds the data folder; try again: %w", err)
	}
	return nil, newHubClient(hub.Socket), nil
}

// takeHere reads the locked folder itself.
func (c *ledgerCommand) takeHere(ctx context.Context) (report ledger.Report, err error) {
	options := config.Serve{Data: c.Data, OutsideNATS: c.OutsideNATS, DatabaseURL: c.DatabaseURL, Sync: string(queue.SyncAlways)}
	file := filepath.Join(c.Data.Data, "plumbline.db")
	if _, err := os.Stat(file); err != nil && c.DatabaseURL == "" && !configuredElsewhere() {
		return report, misused(fmt.Errorf("no rows are in %s: give --database-url, or set DATABASE_URL or SUPABASE_HOST …, as for serve", c.Data.Data))
	}
	log := newLog(&Process{Stderr: os.Stderr}, config.Logging{LogLevel: "error"})
	rows, err := openStore(ctx, &options, false, log)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	q, err := openIdleQueue(ctx, &options)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	return takeLedger(ctx, q, rows, nil)
}

// openIdleQueue opens the queue of a locked folder for a command that looks at it, and leaves its limits as the hub set them.
func openIdleQueue(ctx context.Context, c *config.Serve) (*queue.Hub, error) {
	options := queueOptions(c, newLog(&Process{Stderr: os.Stderr}, config.Logging{LogLevel: "error"}), nil)
	options.KeepLimits = true
	var err error
	if options.Outside, err = outsideNATS(&c.OutsideNATS, false); err != nil {
		return nil, err
	}
	q, err := queue.Open(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("opening the queue: %w", err)
	}
	return q, nil
}

// takeLedger introduces queue and table to each other.
func takeLedger(ctx context.Context, q *queue.Hub, rows *store.Store, step func(string)) (ledger.Report, error) {
	return ledger.Take(ctx, ledger.Sources{
		Journal: func(ctx context.Context, after uint64) iter.Seq2[ledger.Entry, error] {
			return func(yield func(ledger.Entry, error) bool) {
				for e, err := range q.JournalAfter(ctx, after) {
					if !yield(ledger.Entry{ID: e.ID, Device: e.Device, Sequence: e.Sequence}, err) {
						return
					}
				}
			}
		},
		Begins: q.JournalBegins,
		Queued: q.InQueue, Leased: q.LeasedIDs, Dead: q.AmongDead, Dropped: q.AmongDropped,
		Refused: func(ctx context.Context, id string) (bool, error) {
			letter, err := q.DeadLetter(ctx, id)
			if errors.Is(err, queue.ErrNoSuchLetter) {
				return true, nil // gone meanwhile
			}
			return letter.Refused, err
		},
		Rows: rows.CaptureIDs, Removed: rows.RemovedIDs, Recorded: rows.EverRecorded, Others: rows.CountOthers,
	}, ledger.Options{Step: step})
}

// Ledger asks the hub for a ledger.
func (c *hubClient) Ledger(ctx context.Context) (r ledger.Report, err error) {
	err = c.do(ctx, http.MethodGet, "/api/v1/ledger", &r)
	return r, err
}

// newRemoteClient asks a hub by the address of its page, or another role that has one.
func newRemoteClient(address, tokenFile, whom, such string) (*hubClient, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("--http %s is no address of %s: write it like %s", address, whom, such)
	}
	c := &hubClient{base: strings.TrimSuffix(base.String(), "/")}
	if tokenFile != "" {
		if c.token, err = web.ReadToken(tokenFile); err != nil {
			return nil, err
		}
	}
	return c, nil
}
