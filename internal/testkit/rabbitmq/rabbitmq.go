// Package rabbitmq starts a real RabbitMQ with its MQTT plugin for tests: on free ports of the loopback, with an Erlang port
// mapper, a cookie and a folder of its own, so that it meets no other node. It ends only what it started, by their process
// handles. It needs the server (Debian: apt-get install rabbitmq-server), which takes some ten seconds to start, and is no
// place for production code.
package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"plumbline/internal/testkit/child"
	"plumbline/internal/testkit/freeport"
)

// scripts is where Debian keeps the server's own. Those on the PATH give up their rights to the user rabbitmq first.
const scripts = "/usr/lib/rabbitmq/bin"

// Server is one node. Start, Stop and Kill may be called in turn, from one goroutine.
type Server struct {
	folder  string
	address string // MQTT
	env     []string
	mapper  *child.Process // epmd
	process *child.Process // nil while it does not run
}

// ForTest makes a node that runs, and ends with the test. settings are lines of rabbitmq.conf.
func ForTest(t testing.TB, settings string) *Server {
	t.Helper()
	s := &Server{folder: t.TempDir()}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.prepare(settings); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Server) close() error {
	var problems []error
	if s.process != nil {
		problems = append(problems, s.Kill())
	}
	if s.mapper != nil {
		problems = append(problems, s.mapper.Kill())
	}
	return errors.Join(problems...)
}

// prepare chooses ports, writes the settings and starts the port mapper: the node would start one that outlives it.
func (s *Server) prepare(settings string) error {
	if _, err := os.Stat(filepath.Join(scripts, "rabbitmq-server")); err != nil {
		return fmt.Errorf("no RabbitMQ on this machine (Debian: apt-get install rabbitmq-server): %w", err)
	}
	addresses := [3]string{}
	for i := range addresses {
		var err error
		if addresses[i], err = freeport.Address(); err != nil {
			return err
		}
	}
	s.address = addresses[0]
	mapper, distribution := port(addresses[1]), port(addresses[2])
	for name, text := range map[string]string{
		"rabbitmq.conf": "listeners.tcp = none\nmqtt.listeners.tcp.1 = " + s.address + "\n" + settings,
		"plugins":       "[rabbitmq_mqtt].\n",
	} {
		if err := os.WriteFile(filepath.Join(s.folder, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	in := func(name string) string { return filepath.Join(s.folder, name) }
	s.env = append(os.Environ(), "HOME="+s.folder, "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT="+mapper,
		"RABBITMQ_NODENAME=plumbline-test-"+distribution+"@localhost", "RABBITMQ_DIST_PORT="+distribution,
		"RABBITMQ_CONFIG_FILE="+in("rabbitmq.conf"), "RABBITMQ_ENABLED_PLUGINS_FILE="+in("plugins"), "RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_MNESIA_BASE="+in("mnesia"), "RABBITMQ_LOG_BASE="+in("log"), "RABBITMQ_LOGS="+s.Log(), "RABBITMQ_PID_FILE="+in("pid"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
		"RUNNING_UNDER_SYSTEMD=yes", // the script becomes the node, instead of starting it as its child
	)
	var err error
	s.mapper, err = child.Start(s.folder, "epmd", "-port", mapper, "-address", "127.0.0.1")
	return err
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// Log names the file in which the node logs.
func (s *Server) Log() string { return filepath.Join(s.folder, "node.log") }

// Address is the host and port of MQTT.
func (s *Server) Address() string { return s.address }

// Port is the port of MQTT.
func (s *Server) Port() string { return port(s.address) }

// Start starts the node, again on its ports, and returns when it takes MQTT connections.
func (s *Server) Start() error {
	cmd := exec.Command(filepath.Join(scripts, "rabbitmq-server"))
	cmd.Env, cmd.Dir = s.env, s.folder
	process, err := child.StartCommand(s.folder, cmd)
	if err != nil {
		return err
	}
	s.process = process
	return process.Answers(context.Background(), func() error {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Stop ends the node in order.
func (s *Server) Stop() error {
	process := s.process
	s.process = nil
	return process.Stop()
}

// Kill ends the node at once, as a crash would.
func (s *Server) Kill() error {
	process := s.process
	s.process = nil
	return process.Kill()
}
