// Package postgres starts a real PostgreSQL for tests: on a free port of the loopback, in a folder of its own, as an
// unprivileged user where the tests run as root (PostgreSQL refuses to run as root). It ends only what it started. It needs
// the server's programs (Debian: apt-get install postgresql) and is no place for production code.
package postgres

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"plumbline/internal/testkit/freeport"
	"plumbline/internal/testkit/unprivileged"
)

// User and Password are those of the server's superuser.
const (
	User     = "plumbline"
	Password = "p@ss/word#1?" // every character that a careless URL would break on
)

// patience is how long a server may take to start or stop on a busy machine.
const patience = 60 * time.Second

// Options of a server.
type Options struct {
	Settings map[string]string // further settings, such as fsync=on; it is off unless set, which only a power cut would notice
	// CertFile and KeyFile switch TLS on; OnlyTLS lets nobody in without it.
	CertFile, KeyFile string
	OnlyTLS           bool
}

// Server is one server. Stop and Start may be called in turn, from one goroutine.
type Server struct {
	programs, folder string
	owner            *syscall.Credential // nil: the user who runs the tests
	port             int
	settings         map[string]string
	process          *exec.Cmd
	ended            chan error
	databases        atomic.Int64
}

// New makes a fresh server and starts it; the caller must Close it. It is for TestMain, so that a package's tests share one.
func New(o Options) (*Server, error) {
	s := &Server{settings: map[string]string{"fsync": "off", "max_connections": "40", "shared_buffers": "16MB"}}
	for name, value := range o.Settings {
		s.settings[name] = value
	}
	if err := s.prepare(o); err != nil {
		return nil, errors.Join(fmt.Errorf("making a PostgreSQL for tests: %w", err), s.Close())
	}
	if err := s.Start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// ForTest makes a server that ends with the test.
func ForTest(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Close stops the server at once and removes its folder.
func (s *Server) Close() error {
	var err error
	if s.process != nil {
		err = s.Kill()
	}
	if s.folder != "" {
		err = errors.Join(err, os.RemoveAll(s.folder))
	}
	return err
}

// URL is how a database of the server is reached.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(User, Password), Host: s.Address(), Path: "/" + database,
		RawQuery: "sslmode=disable"}
	return u.String()
}

// Address is the server's host and port.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// NewDatabase makes an empty database and returns its name.
func (s *Server) NewDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	s.SQL(t, "postgres", "CREATE DATABASE "+name)
	return name
}

// SQL runs statements with psql, another client than the one under test, and returns what they print: a row a line,
// columns separated by |.
func (s *Server) SQL(t testing.TB, database, statements string) string {
	t.Helper()
	out, err := s.Query(database, statements)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Query is SQL for programs.
func (s *Server) Query(database, statements string) (string, error) {
	psql := exec.Command(filepath.Join(s.programs, "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", s.URL(database))
	psql.Stdin = strings.NewReader(statements)
	var complaints bytes.Buffer
	psql.Stderr = &complaints
	out, err := psql.Output()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, complaints.String())
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

func (s *Server) prepare(o Options) error {
	var err error
	if s.programs, err = findPrograms(); err != nil {
		return err
	}
	if s.owner, err = unprivileged.User(); err != nil {
		return err
	}
	if s.folder, err = os.MkdirTemp("", "pg"); err != nil { // short: a Unix socket's path has 107 bytes at most
		return err
	}
	secret := filepath.Join(s.folder, "password")
	if err := os.WriteFile(secret, []byte(Password+"\n"), 0o600); err != nil {
		return err
	}
	if err := errors.Join(unprivileged.Give(s.folder, s.owner), unprivileged.Give(secret, s.owner)); err != nil {
		return err
	}
	initdb := s.command("initdb", "-D", s.data(), "-U", User, "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8",
		"--locale", "C.UTF-8", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s.secure(o)
}

func (s *Server) secure(o Options) error {
	if o.CertFile == "" {
		return nil
	}
	s.settings["ssl"] = "on"
	for name, from := range map[string]string{"server.crt": o.CertFile, "server.key": o.KeyFile} {
		content, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		path := filepath.Join(s.data(), name)
		if err := errors.Join(os.WriteFile(path, content, 0o600), unprivileged.Give(path, s.owner)); err != nil {
			return err
		}
	}
	if !o.OnlyTLS {
		return nil
	}
	rules := "hostssl all " + User + " 127.0.0.1/32 scram-sha-256\n"
	return os.WriteFile(filepath.Join(s.data(), "pg_hba.conf"), []byte(rules), 0o600)
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

func (s *Server) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.programs, program), args...)
	c.Dir = s.folder
	c.SysProcAttr = unprivileged.Attributes(s.owner)
	return c
}

// Start starts the server, again on its port when it had one, and returns when it takes connections.
func (s *Server) Start() error {
	fixed, err := s.port != 0, error(nil)
	for range 5 { // a free port may be taken by somebody else before the server has it
		if !fixed {
			if s.port, err = freeport.Port(); err != nil {
				return err
			}
		}
		if err = s.start(); err == nil || fixed {
			return err
		}
	}
	return err
}

func (s *Server) start() error {
	args := []string{"-D", s.data(), "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-k", s.folder}
	for name, value := range s.settings {
		args = append(args, "-c", name+"="+value)
	}
	process := s.command("postgres", args...)
	stderr, err := process.StderrPipe()
	if err != nil {
		return err
	}
	if err := process.Start(); err != nil {
		return fmt.Errorf("starting PostgreSQL: %w", err)
	}
	ready, ended, log := make(chan struct{}), make(chan error, 1), make(chan string, 1)
	go func() {
		log <- watch(stderr, ready)
		ended <- process.Wait()
	}()
	select {
	case <-ready:
		s.process, s.ended = process, ended
		return nil
	case said := <-log:
		return fmt.Errorf("PostgreSQL ended at its start: %w: %s", <-ended, said)
	case <-time.After(patience):
		return errors.Join(errors.New("PostgreSQL did not start in time"), process.Process.Signal(syscall.SIGQUIT))
	}
}

// watch reads the server's log to its end, closes ready when the server says that it is, and returns the first lines.
func watch(log io.Reader, ready chan<- struct{}) string {
	var first strings.Builder
	lines, open := bufio.NewScanner(log), true
	for lines.Scan() {
		if first.Len() < 10_000 {
			first.WriteString(lines.Text() + "\n")
		}
		if open && strings.Contains(lines.Text(), "database system is ready to accept") {
			close(ready)
			open = false
		}
	}
	io.Copy(io.Discard, log) //nolint:errcheck // only for a line too long for the scanner
	return first.String()
}

// Demote makes the running server a standby, which is read-only for ever; it follows nobody.
func (s *Server) Demote() error {
	signal := filepath.Join(s.data(), "standby.signal")
	return errors.Join(s.Stop(), os.WriteFile(signal, nil, 0o600), unprivileged.Give(signal, s.owner), s.Start())
}

// Stop ends the server in order; its clients are thrown out ("fast" in PostgreSQL's words).
func (s *Server) Stop() error { return s.end(syscall.SIGINT) }

// Kill ends the server at once, as a crash would; the next Start recovers.
func (s *Server) Kill() error { return s.end(syscall.SIGQUIT) }

func (s *Server) end(how syscall.Signal) error {
	process := s.process
	s.process = nil
	if process == nil {
		return errors.New("this PostgreSQL does not run")
	}
	if err := process.Process.Signal(how); err != nil {
		return fmt.Errorf("stopping PostgreSQL: %w", err)
	}
	select {
	case <-s.ended: //nolint:errcheck // its exit status says only that it was asked to end
		return nil
	case <-time.After(patience):
		return errors.Join(errors.New("PostgreSQL did not stop in time"), process.Process.Kill())
	}
}
