package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"plumbline/internal/testkit/child"
	"plumbline/internal/testkit/freeport"
	"plumbline/internal/testkit/mosquitto"
	"plumbline/internal/testkit/postgres"
)

// system is everything that runs. Its parts find each other by addresses that stay the same over their lives.
type system struct {
	options  options
	folder   string
	nats     string         // host:port: of the NATS outside, or where the only hub listens for workers
	queue    *child.Process // the NATS outside, for more than one hub
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
	if s.nats, err = freeport.Address(); err != nil {
		return err
	}
	if s.options.hubs > 1 {
		if err := s.startQueue(ctx); err != nil {
			return err
		}
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

// startQueue builds and starts the NATS server of the version that go.mod names.
func (s *system) startQueue(ctx context.Context) error {
	program := filepath.Join(s.folder, "nats-server")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/nats-io/nats-server/v2")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building nats-server: %w: %s", err, out)
	}
	settings := filepath.Join(s.folder, "nats.conf")
	text := fmt.Sprintf("listen: %q\nmax_payload: 9MB\njetstream { store_dir: %q, sync_interval: always }\n", s.nats, filepath.Join(s.folder, "nats"))
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		return err
	}
	var err error
	if s.queue, err = child.Start(s.folder, program, "-c", settings); err != nil {
		return err
	}
	return s.queue.Answers(ctx, func() error {
		connection, err := net.Dial("tcp", s.nats)
		if err != nil {
			return err
		}
		return connection.Close()
	})
}

// launchHub starts a hub that analyses nothing itself. Hubs that stand in for each other go to the broker under one name.
func (s *system) launchHub(ctx context.Context, i int) (*child.Process, error) {
	page, err := freeport.Address()
	if err != nil {
		return nil, err
	}
	args := []string{"serve", "--workers", "0", "--data", s.data(i), "--images-dir", filepath.Join(s.folder, "pictures"),
		"--mqtt-url", "mqtt://" + s.broker.Address(), "--mqtt-client-id", "hubs", "--http-listen", page}
	if s.queue != nil {
		args = append(args, "--nats", "nats://"+s.nats)
	} else {
		args = append(args, "--listen-nats", s.nats, "--nats-token-file", s.token())
	}
	hub, err := s.plumbline(args...)
	if err != nil {
		return nil, err
	}
	return hub, hub.Says(ctx, "is ready.")
}

func (s *system) token() string { return filepath.Join(s.folder, "token") }

// launchWorker does not wait until it is ready: it may die before.
func (s *system) launchWorker(context.Context, int) (*child.Process, error) {
	args := []string{"work", "--workers", "1", "--model", s.options.model, "--nats", "nats://" + s.nats}
	if s.queue == nil {
		args = append(args, "--nats-token-file", s.token())
	}
	return s.plumbline(args...)
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
