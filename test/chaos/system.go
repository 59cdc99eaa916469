package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"plumbline/internal/testkit/child"
	"plumbline/internal/testkit/mosquitto"
	"plumbline/internal/testkit/postgres"
)

// system is everything that runs. Its parts find each other by addresses that stay the same over their lives.
type system struct {
	options  options
	folder   string
	nats     string // host:port
	broker   *mosquitto.Server
	database *postgres.Server
	hubs     []*member
	workers  []*member
}

// settle checks the options.
func (o *options) settle() error {
	if o.hubs < 1 || o.workers < 1 || o.devices < 1 || o.pictures < 1 {
		return errors.New("give at least one hub, worker, device and picture")
	}
	program, err := exec.LookPath(o.plumbline)
	if err != nil {
		return fmt.Errorf("no Plumbline to test (make build): %w", err)
	}
	o.plumbline, err = filepath.Abs(program)
	return err
}

func (s *system) start(ctx context.Context) (err error) {
	if s.folder = s.options.folder; s.folder == "" {
		if s.folder, err = os.MkdirTemp("", "chaos-"); err != nil {
			return err
		}
	} else if err := os.MkdirAll(s.folder, 0o755); err != nil {
		return err
	}
	if s.database, err = postgres.New(postgres.Options{Settings: map[string]string{"fsync": "on"}}); err != nil {
		return err
	}
	// It keeps everything that waits for the hubs, however much it is: its default forgets what is beyond a thousand.
	if s.broker, err = mosquitto.New(s.folder, mosquitto.Options{Settings: []string{"max_queued_messages 0"}}); err != nil {
		return err
	}
	if s.nats, err = child.FreeAddress(); err != nil {
		return err
	}
	for i := range s.options.hubs {
		if err := s.join(ctx, &s.hubs, func(ctx context.Context) (*child.Process, error) { return s.launchHub(ctx, i) }); err != nil {
			return err
		}
	}
	for i := range s.options.workers {
		if err := s.join(ctx, &s.workers, func(ctx context.Context) (*child.Process, error) { return s.launchWorker(ctx, i) }); err != nil {
			return err
		}
	}
	return nil
}

// join starts a member's first life.
func (s *system) join(ctx context.Context, members *[]*member, launch func(context.Context) (*child.Process, error)) error {
	first, err := launch(ctx)
	if err == nil {
		*members = append(*members, &member{launch: launch, now: first})
	}
	return err
}

func (s *system) data(hub int) string { return filepath.Join(s.folder, "hub"+strconv.Itoa(hub)) }

// launchHub starts a hub that analyses nothing itself.
func (s *system) launchHub(ctx context.Context, i int) (*child.Process, error) {
	page, err := child.FreeAddress()
	if err != nil {
		return nil, err
	}
	hub, err := s.plumbline("serve", "--workers", "0", "--data", s.data(i), "--images-dir", filepath.Join(s.folder, "pictures"),
		"--mqtt-url", "mqtt://"+s.broker.Address(), "--http-listen", page, "--listen-nats", s.nats, "--nats-token-file", s.token())
	if err != nil {
		return nil, err
	}
	return hub, hub.Says(ctx, "is ready.")
}

func (s *system) token() string { return filepath.Join(s.folder, "token") }

// launchWorker does not wait until it is ready: it may die before.
func (s *system) launchWorker(context.Context, int) (*child.Process, error) {
	return s.plumbline("work", "--workers", "1", "--model", s.options.model, "--nats", "nats://"+s.nats, "--nats-token-file", s.token())
}

// plumbline starts the binary; the database's password is not for its command line.
func (s *system) plumbline(args ...string) (*child.Process, error) {
	cmd := exec.Command(s.options.plumbline, args...)
	cmd.Env = append(os.Environ(), "DATABASE_URL="+s.database.URL("postgres"))
	return child.StartCommand(s.folder, cmd)
}

// ask runs a command of the binary to its end and returns what it prints.
func (s *system) ask(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.options.plumbline, args...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("plumbline %s: %w: %s", args[0], err, strings.TrimSpace(complaints.String()))
	}
	return string(out), err
}
