// Package pgbouncer starts a real PgBouncer for tests, in transaction mode: the pooler that Supabase's port 6543 and many
// hosting services resemble. The next transaction of a client runs on another connection of the server. It needs the program
// (Debian: apt-get install pgbouncer) and is no place for production code.
package pgbouncer

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"plumbline/internal/testkit/freeport"
	"plumbline/internal/testkit/postgres"
	"plumbline/internal/testkit/unprivileged"
)

// patience is how long the pooler may take to start or stop on a busy machine.
const patience = 60 * time.Second

// Options of a pooler.
type Options struct {
	PoolSize int // server connections for each database; 0 means 3
}

// Pooler is one PgBouncer before one server, for all of its databases. Kill and Start may be called in turn, from one goroutine.
type Pooler struct {
	folder  string
	owner   *syscall.Credential
	port    int
	process *exec.Cmd
	ended   chan error
}

// New starts a pooler; the caller must Close it.
func New(server *postgres.Server, o Options) (*Pooler, error) {
	p := &Pooler{}
	err := p.prepare(server, o)
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a PgBouncer for tests: %w", err), p.Close())
	}
	return p, nil
}

// ForTest makes a pooler that ends with the test.
func ForTest(t testing.TB, server *postgres.Server, o Options) *Pooler {
	t.Helper()
	p, err := New(server, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// URL is how a database of the server is reached through the pooler.
func (p *Pooler) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(postgres.User, postgres.Password), Host: p.Address(), Path: "/" + database,
		RawQuery: "sslmode=disable"}
	return u.String()
}

// Address is the pooler's host and port.
func (p *Pooler) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

func (p *Pooler) prepare(server *postgres.Server, o Options) error {
	var err error
	if p.owner, err = unprivileged.User(); err != nil {
		return err
	}
	if p.folder, err = os.MkdirTemp("", "pgbouncer"); err != nil {
		return err
	}
	if p.port, err = freeport.Port(); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(server.Address())
	if err != nil {
		return err
	}
	quoted := `"` + strings.ReplaceAll(postgres.Password, `"`, `""`) + `"`
	return errors.Join(unprivileged.Give(p.folder, p.owner),
		p.write("users.txt", `"`+postgres.User+`" `+quoted+"\n"),
		p.write("pgbouncer.ini", fmt.Sprintf(settings, host, port, p.port, p.path("users.txt"), cmp.Or(o.PoolSize, 3))))
}

// settings are PgBouncer's defaults but for round robin, which makes sure that connections change, and quick ends.
const settings = `[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = %d
server_round_robin = 1
server_idle_timeout = 2
server_login_retry = 1
`

func (p *Pooler) path(name string) string { return filepath.Join(p.folder, name) }

func (p *Pooler) write(name, text string) error {
	return errors.Join(os.WriteFile(p.path(name), []byte(text), 0o600), unprivileged.Give(p.path(name), p.owner))
}

// program looks where Debian puts it, which is on root's PATH only.
func program() (string, error) {
	if found, err := exec.LookPath("pgbouncer"); err == nil {
		return found, nil
	}
	const debians = "/usr/sbin/pgbouncer"
	if _, err := os.Stat(debians); err != nil {
		return "", errors.New("no PgBouncer on this machine: install it (Debian, Ubuntu: apt-get install pgbouncer)")
	}
	return debians, nil
}

// Start starts the pooler, again on its port, and returns when it takes connections.
func (p *Pooler) Start() error {
	path, err := program()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the process has its own handle
	process := exec.Command(path, p.path("pgbouncer.ini"))
	process.Dir, process.Stderr, process.SysProcAttr = p.folder, log, unprivileged.Attributes(p.owner)
	if err := process.Start(); err != nil {
		return fmt.Errorf("starting PgBouncer: %w", err)
	}
	p.process, p.ended = process, make(chan error, 1)
	go func() { p.ended <- process.Wait() }()
	return p.awaitListener()
}

func (p *Pooler) awaitListener() error {
	deadline := time.After(patience)
	for {
		if c, err := net.Dial("tcp", p.Address()); err == nil {
			return c.Close()
		}
		select {
		case err := <-p.ended:
			p.process = nil
			said, _ := os.ReadFile(p.path("log"))
			return fmt.Errorf("PgBouncer ended at its start: %w: %s", err, said)
		case <-deadline:
			return errors.New("PgBouncer did not start in time")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Kill ends the pooler at once; its clients lose their connections in the middle of whatever they do.
func (p *Pooler) Kill() error {
	process := p.process
	p.process = nil
	if process == nil {
		return errors.New("this PgBouncer does not run")
	}
	if err := process.Process.Kill(); err != nil {
		return fmt.Errorf("stopping PgBouncer: %w", err)
	}
	select {
	case <-p.ended: //nolint:errcheck // its exit status says only that it was killed
		return nil
	case <-time.After(patience):
		return errors.New("PgBouncer did not stop in time")
	}
}

// Close ends the pooler and removes its folder.
func (p *Pooler) Close() error {
	var err error
	if p.process != nil {
		err = p.Kill()
	}
	if p.folder != "" {
		err = errors.Join(err, os.RemoveAll(p.folder))
	}
	return err
}
