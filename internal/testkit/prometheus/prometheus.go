// Package prometheus starts a real Prometheus for tests: on a free port of the loopback, in a folder of its own. It ends only
// what it started. It needs the server (Debian: apt-get install prometheus) and is no place for production code.
package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"plumbline/internal/testkit/child"
	"plumbline/internal/testkit/freeport"
)

// Options of a server.
type Options struct {
	Targets []string // host:port of what is scraped at /metrics
	Every   string   // scrape interval; empty: 500ms
	Jobs    string   // further jobs: YAML items of scrape_configs, indented by two
	Rules   string   // YAML of a rule file
}

// Server is one Prometheus.
type Server struct {
	Address string // host:port
	process *child.Process
}

// ForTest makes a server that takes queries, and ends with the test.
func ForTest(t testing.TB, o Options) *Server {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatalf("no Prometheus on this machine (Debian: apt-get install prometheus): %v", err)
	}
	s := &Server{}
	for range 5 { // a free port may be taken by somebody else before the server has it
		if err = s.start(t.TempDir(), program, o); err == nil {
			t.Cleanup(func() {
				if err := s.Kill(); err != nil {
					t.Error(err)
				}
			})
			return s
		}
	}
	t.Fatal(err)
	return nil
}

// start starts the server and returns when it takes queries.
func (s *Server) start(folder, program string, o Options) error {
	var err error
	if s.Address, err = freeport.Address(); err != nil {
		return err
	}
	configuration := filepath.Join(folder, "prometheus.yml")
	if err := errors.Join(os.WriteFile(configuration, []byte(o.configuration()), 0o600), os.WriteFile(filepath.Join(folder, "rules.yml"), []byte(o.Rules), 0o600)); err != nil {
		return err
	}
	s.process, err = child.Start(folder, program, "--config.file="+configuration, "--web.listen-address="+s.Address,
		"--storage.tsdb.path="+filepath.Join(folder, "data"), "--log.level=warn")
	if err != nil {
		return err
	}
	if err := s.process.Answers(context.Background(), s.ready); err != nil {
		log, _ := os.ReadFile(s.process.Log)
		return errors.Join(fmt.Errorf("%w: %s", err, log), s.process.Kill())
	}
	return nil
}

func (o Options) configuration() string {
	every := o.Every
	if every == "" {
		every = "500ms"
	}
	return fmt.Sprintf(`global: {scrape_interval: %[1]s, scrape_timeout: %[1]s, evaluation_interval: %[1]s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: test
    static_configs: [{targets: [%[2]s]}]
%[3]s`, every, strings.Join(o.Targets, ", "), o.Jobs)
}

func (s *Server) ready() error {
	response, err := http.Get(s.URL() + "/-/ready")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// URL is where it answers.
func (s *Server) URL() string { return "http://" + s.Address }

// Kill ends the server at once, as a crash would.
func (s *Server) Kill() error { return s.process.Kill() }
