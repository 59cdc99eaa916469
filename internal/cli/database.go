package cli

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"plumbline/internal/config"
	"plumbline/internal/store"
)

func (h *hub) openStore(ctx context.Context) (err error) {
	h.store, err = openStore(ctx, h.config, true, h.part("store"))
	if err != nil {
		return err
	}
	h.stages.closing("store", h.store.Close)
	return nil
}

// openStore opens the table: PostgreSQL when a URL is set or the environment names one, else SQLite in the data folder.
// Patient opens a server that is away, too: that is no reason not to take pictures, whereas a mistake in the settings is one.
func openStore(ctx context.Context, c *config.Serve, patient bool, log *slog.Logger) (*store.Store, error) {
	url, err := databaseURL(c)
	if err != nil {
		return nil, misused(err)
	}
	s, err := store.Open(ctx, store.Options{URL: url, Path: filepath.Join(c.Data.Data, "plumbline.db"), Patient: patient, Log: log})
	if err != nil {
		return nil, fmt.Errorf("opening the table of results: %w", err)
	}
	return s, nil
}

// databaseURL is the PostgreSQL that was named, or empty.
func databaseURL(c *config.Serve) (string, error) {
	if c.DatabaseURL != "" {
		return c.DatabaseURL, nil
	}
	return store.FromEnvironment(environment())
}

func (h *hub) storeOpened() bool {
	select {
	case <-h.store.Opened():
		return true
	default:
		return false
	}
}

// whereRowsAre is for people.
func (h *hub) whereRowsAre() string {
	url, err := databaseURL(h.config)
	switch {
	case err != nil || url == "":
		return filepath.Join(h.config.Data.Data, "plumbline.db")
	case !h.storeOpened():
		return store.Place(url) + ", which does not answer yet: results wait until it does"
	}
	return store.Place(url)
}

// configuredElsewhere says whether the environment names a PostgreSQL.
func configuredElsewhere() bool {
	url, err := store.FromEnvironment(environment())
	return err == nil && url != ""
}

// announceLatest tells the newest result of each device again, as soon as the database can be read.
func (h *hub) announceLatest(ctx context.Context) {
	if h.storeOpened() {
		h.tellLatest(ctx)
		return
	}
	h.stages.start("latest results", func(ctx context.Context) error {
		select {
		case <-h.store.Opened():
			h.tellLatest(ctx)
		case <-ctx.Done():
		}
		return nil
	})
}

func (h *hub) tellLatest(ctx context.Context) {
	latest, err := h.store.Latest(ctx)
	if err != nil {
		h.part("announce").Error("the latest results were not announced again", "error", err)
		return
	}
	for _, e := range latest {
		if e.CaptureID != "" { // else it is a row of the Python scripts, which announced nothing
			h.announce(ctx, e.Result)
		}
	}
}
