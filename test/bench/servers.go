package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"

	"plumbline/internal/testkit/child"
	"plumbline/internal/testkit/freeport"
	"plumbline/internal/testkit/mosquitto"
	"plumbline/internal/testkit/postgres"
)

// running is a system at work: it takes pictures at broker and leaves rows where rows says (in load.py's words).
type running struct {
	folder       string
	broker, rows string
	mosquitto    *mosquitto.Server // nil where the system brings its own, as the next
	database     *postgres.Server  // nil where the system brings its own
	children     []*child.Process  // in the order they were started; the last one analyses
}

func (r *running) analyser() *child.Process { return r.children[len(r.children)-1] }

// stop ends what was started, what depends on others first.
func (r *running) stop() error {
	var errs []error
	for _, c := range slices.Backward(r.children) {
		errs = append(errs, c.Stop())
	}
	if r.mosquitto != nil {
		errs = append(errs, r.mosquitto.Stop())
	}
	if r.database != nil {
		errs = append(errs, r.database.Close())
	}
	return errors.Join(errs...)
}

// start starts a child in the system's folder.
func (r *running) start(name string, args ...string) (*child.Process, error) {
	c, err := child.Start(r.folder, name, args...)
	if err == nil {
		r.children = append(r.children, c)
	}
	return c, err
}

// startPeer starts PostgreSQL, Mosquitto and one Python process a session.
func (b *bench) startPeer(ctx context.Context, r *running, sessions int) error {
	if err := r.startPostgres(); err != nil {
		return err
	}
	broker, err := mosquitto.New(r.folder, mosquitto.Options{Settings: []string{"persistence false", "log_type error"}})
	if err != nil {
		return err
	}
	r.mosquitto, r.broker = broker, broker.Address()
	for i := range sessions {
		analyser, err := r.start(b.python, b.script("original.py"), "--broker", r.broker, "--dsn", r.rows,
			"--pictures", filepath.Join(r.folder, "analyzed_images"), "--share", fmt.Sprintf("%d:%d", sessions, i))
		if err != nil {
			return err
		}
		if err := analyser.Says(ctx, "ready"); err != nil {
			return err
		}
	}
	return nil
}

// startOurs starts PostgreSQL and one plumbline with its own broker.
func (b *bench) startOurs(ctx context.Context, r *running, sessions int) error {
	if err := r.startPostgres(); err != nil {
		return err
	}
	return b.startPlumbline(ctx, r, sessions, "--database-url", r.rows)
}

// startAlone starts one plumbline with everything inside.
func (b *bench) startAlone(ctx context.Context, r *running, sessions int) error {
	r.rows = "sqlite:" + filepath.Join(r.folder, "data", "plumbline.db")
	return b.startPlumbline(ctx, r, sessions)
}

func (b *bench) startPlumbline(ctx context.Context, r *running, sessions int, more ...string) error {
	page, err := freeport.Address()
	if err != nil {
		return err
	}
	if r.broker, err = freeport.Address(); err != nil {
		return err
	}
	args := []string{"serve", "--data", filepath.Join(r.folder, "data"), "--images-dir", filepath.Join(r.folder, "analyzed_images"),
		"--mqtt-listen", r.broker, "--http-listen", page, "--workers", fmt.Sprint(sessions), "--profile", "original",
		"--log-level", "warn"}
	hub, err := r.start(b.plumbline, append(args, more...)...)
	if err != nil {
		return err
	}
	return hub.Answers(ctx, func() error {
		response, err := http.Get("http://" + page + "/readyz")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("/readyz says %s", response.Status)
		}
		return nil
	})
}

// startPostgres starts a fresh server that keeps its promises: fsync as in production.
func (r *running) startPostgres() error {
	server, err := postgres.New(postgres.Options{Settings: map[string]string{"fsync": "on"}})
	if err != nil {
		return err
	}
	r.database, r.rows = server, server.URL("postgres")
	return nil
}
