// Package mosquitto starts a real Mosquitto for tests: on a free port of the loopback, in a folder of its own, with
// persistence. It ends only what it started. It needs the broker (Debian: apt-get install mosquitto) and is no place for
// production code.
package mosquitto

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plumbline/internal/testkit/child"
	"plumbline/internal/testkit/freeport"
)

// Options of a broker. The zero value lets everybody in and keeps sessions and messages on disk.
type Options struct {
	Settings []string // lines of mosquitto.conf; they come before the listener, and instead of the kit's where they say the same
	Listener []string // lines that belong to the listener, such as "protocol websockets"
}

// Server is one broker. Start, Stop and Kill may be called in turn, from one goroutine.
type Server struct {
	folder, program, address string
	log                      string
	process                  *child.Process // nil while it does not run
}

// ForTest makes a broker that runs, and ends with the test.
func ForTest(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := New(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.process != nil {
			if err := s.Kill(); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

// New makes a broker that runs; what it keeps lies in folder.
func New(folder string, o Options) (*Server, error) {
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto"
	}
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("no Mosquitto on this machine (Debian: apt-get install mosquitto): %w", err)
	}
	s := &Server{folder: folder, program: program}
	for range 5 { // a free port may be taken by somebody else before the broker has it
		if s.address, err = freeport.Address(); err != nil {
			return nil, err
		}
		if err = s.configure(o); err != nil {
			return nil, err
		}
		if err = s.Start(); err == nil {
			return s, nil
		}
	}
	return nil, err
}

// defaults are the kit's settings, unless a test's say otherwise.
var defaults = []string{"allow_anonymous true", "persistence true", "log_dest stderr", "log_type all"}

func (s *Server) configure(o Options) error {
	lines := append([]string{"persistence_location " + s.folder + "/"}, o.Settings...)
	if os.Geteuid() == 0 {
		lines = append(lines, "user root") // else it would give up its rights, and with them its folder
	}
	for _, line := range defaults {
		name, _, _ := strings.Cut(line, " ")
		if !strings.Contains("\n"+strings.Join(lines, "\n"), "\n"+name+" ") {
			lines = append(lines, line)
		}
	}
	lines = append(append(lines, listener(s.address)), o.Listener...)
	if slices.Contains(o.Listener, "protocol websockets") { // Mosquitto 2.0 does not start without any other listener
		another, err := freeport.Address()
		if err != nil {
			return err
		}
		lines = append(lines, listener(another))
	}
	return os.WriteFile(s.configuration(), []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

func listener(address string) string {
	host, port, _ := net.SplitHostPort(address)
	return "listener " + port + " " + host
}

func (s *Server) configuration() string { return filepath.Join(s.folder, "mosquitto.conf") }

// Address is the broker's host and port.
func (s *Server) Address() string { return s.address }

// Port is the broker's port.
func (s *Server) Port() string {
	_, port, _ := net.SplitHostPort(s.address)
	return port
}

// Log is what the broker has logged since its last start.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Start starts the broker, again on its port, and returns when it takes connections.
func (s *Server) Start() error {
	process, err := child.Start(s.folder, s.program, "-c", s.configuration())
	if err != nil {
		return err
	}
	err = process.Answers(context.Background(), func() error {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		log, _ := os.ReadFile(process.Log)
		return errors.Join(fmt.Errorf("%w: %s", err, log), process.Kill())
	}
	s.process, s.log = process, process.Log
	return nil
}

// Stop ends the broker in order: it writes what it keeps to disk.
func (s *Server) Stop() error {
	process := s.process
	s.process = nil
	return process.Stop()
}

// Kill ends the broker at once, as a crash would.
func (s *Server) Kill() error {
	process := s.process
	s.process = nil
	return process.Kill()
}
