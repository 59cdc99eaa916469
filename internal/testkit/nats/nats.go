// Package nats starts real NATS servers with JetStream for tests: in the test's process, on free ports of the loopback, with
// their stores in folders of the test. A server can be stopped and started again under its address, and servers can make
// a cluster. It ends only what it started, and is no place for production code.
package nats

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"plumbline/internal/testkit/freeport"
)

// patience is how long a server may take to start on a busy machine.
const patience = 60 * time.Second

// Server is one server.
type Server struct {
	t       testing.TB
	options *server.Options
	running *server.Server
}

// Start starts a server with its store in a folder of the test and stops it when the test ends. edit may change its
// options before.
func Start(t testing.TB, edit func(*server.Options)) *Server {
	t.Helper()
	s := prepare(t, t.TempDir(), edit)
	s.Start()
	return s
}

// Configured starts a server with a configuration, in NATS's own words. Address and store are the test's.
func Configured(t testing.TB, text string) *Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return Start(t, func(o *server.Options) {
		ours := *o
		*o = *read
		o.Host, o.Port, o.StoreDir, o.NoSigs, o.NoLog = ours.Host, ours.Port, ours.StoreDir, true, true
	})
}

// Cluster starts n servers that make one cluster, and waits until it has a leader that
// knows them all.
func Cluster(t testing.TB, n int) []*Server {
	t.Helper()
	ports := freePorts(t, n)
	var routes []*url.URL
	for _, port := range ports {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	servers := make([]*Server, n)
	for i := range servers {
		servers[i] = prepare(t, t.TempDir(), func(o *server.Options) {
			o.ServerName = fmt.Sprintf("node%d", i)
			o.Cluster = server.ClusterOpts{Name: "three", Host: "127.0.0.1", Port: ports[i]}
			o.Routes = routes
		})
		servers[i].launch()
	}
	for _, s := range servers {
		s.await()
	}
	ticks, tooLate := time.NewTicker(20*time.Millisecond), time.After(patience)
	defer ticks.Stop()
	for l := leader(servers); l == nil || len(l.running.JetStreamClusterPeers()) < n; l = leader(servers) {
		select {
		case <-ticks.C:
		case <-tooLate:
			t.Fatal("the NATS cluster chose no leader")
		}
	}
	return servers
}

func leader(servers []*Server) *Server {
	for _, s := range servers {
		if s.running.JetStreamIsLeader() && s.running.JetStreamIsCurrent() {
			return s
		}
	}
	return nil
}

func prepare(t testing.TB, store string, edit func(*server.Options)) *Server {
	t.Helper()
	o := &server.Options{
		Host: "127.0.0.1", Port: freePorts(t, 1)[0], NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: store, MaxPayload: 8 << 20, DisableJetStreamBanner: true,
	}
	if edit != nil {
		edit(o)
	}
	s := &Server{t: t, options: o}
	t.Cleanup(s.Stop)
	return s
}

// freePorts are ports that nobody listened on a moment ago. A server that is started again needs a fixed one.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		port, err := freeport.Port()
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	return ports
}

// Start starts the server, again after Stop: with its store and under its address.
func (s *Server) Start() {
	s.t.Helper()
	s.launch()
	s.await()
}

func (s *Server) launch() {
	s.t.Helper()
	o := s.options.Clone()
	running, err := server.NewServer(o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.running = running
	running.Start()
}

func (s *Server) await() {
	s.t.Helper()
	if !s.running.ReadyForConnections(patience) {
		s.t.Fatal("the NATS server did not start")
	}
}

// Stop stops the server, if it runs.
func (s *Server) Stop() {
	if s.running != nil {
		s.running.Shutdown()
		s.running.WaitForShutdown()
		s.running = nil
	}
}

// URL is the server's address.
func (s *Server) URL() string {
	scheme := "nats"
	if s.options.TLSConfig != nil {
		scheme = "tls"
	}
	return fmt.Sprintf("%s://%s", scheme, net.JoinHostPort(s.options.Host, fmt.Sprint(s.options.Port)))
}

// Name is the server's name in its cluster.
func (s *Server) Name() string { return s.options.ServerName }

// Connections is how many clients the server has.
func (s *Server) Connections() int { return s.running.NumClients() }

// LeadsStream reports whether this server of a cluster leads a stream.
func (s *Server) LeadsStream(account, stream string) bool {
	return s.running != nil && s.running.JetStreamIsStreamLeader(account, stream)
}
