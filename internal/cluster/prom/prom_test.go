package prom_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/prom"
	"plumbline/internal/gpu"
	"plumbline/internal/testkit/prometheus"
)

// target is something to scrape, on an address of its own.
type target struct {
	*httptest.Server
	page atomic.Pointer[func() string]
}

func newTarget(t *testing.T, ip string, page func() string) *target {
	t.Helper()
	listener, err := net.Listen("tcp", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := new(target)
	s.page.Store(&page)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, (*s.page.Load())())
	}))
	s.Listener.Close()
	s.Listener = listener
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *target) address() string { return s.Listener.Addr().String() }

func always(lines ...string) func() string {
	return func() string { return strings.Join(lines, "\n") + "\n" }
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// scene is a Prometheus that scrapes nodes of all kinds.
func scene(t *testing.T) *prometheus.Server {
	t.Helper()
	begun := time.Now()
	agx := newTarget(t, "127.0.0.2", func() string { // node_exporter with a script's text file
		idle := 0.75 * time.Since(begun).Seconds()
		return always("jetson_gpu_usage_percent 40",
			fmt.Sprintf(`node_cpu_seconds_total{cpu="0",mode="idle"} %f`, idle), `node_cpu_seconds_total{cpu="0",mode="user"} 7`,
			"node_memory_MemAvailable_bytes 2e9", "node_memory_MemTotal_bytes 8e9")()
	})
	stranger := newTarget(t, "127.0.0.4", always("jetson_gpu_usage_percent 1"))
	rest := newTarget(t, "127.0.0.3", func() string {
		own := func(node string, ratio float64, at time.Time) string {
			return fmt.Sprintf("plumbline_gpu_utilization_ratio{node=%[1]q,gpu=\"0\"} %[2]g\nplumbline_gpu_sample_timestamp_seconds{node=%[1]q,gpu=\"0\"} %[3]f", node, ratio, seconds(at))
		}
		return always(
			own("orin", 0.25, time.Now()), `jetson_orin_gpu_load_percent{node="orin",gpu="0"} 99`,
			own("hung", 0, time.Now().Add(-90*time.Second)),
			own("early", 0.5, time.Now().Add(10*time.Minute)),
			`jetson_orin_gpu_load_percent{exported_node="NX.example.lan"} 12.5`,
			`DCGM_FI_DEV_GPU_UTIL{Hostname="dgx",gpu="0"} 10`, `DCGM_FI_DEV_GPU_UTIL{Hostname="dgx",gpu="1"} 30`,
			`DCGM_FI_DEV_GPU_UTIL{Hostname="blank",gpu="0"} 9223372036854775794`, `DCGM_FI_DEV_GPU_UTIL{Hostname="nan",gpu="0"} NaN`,
			`DCGM_FI_DEV_GPU_UTIL{Hostname="half",gpu="0"} NaN`, `DCGM_FI_DEV_GPU_UTIL{Hostname="half",gpu="1"} 70`,
			`made{node="made"} 0.125`, fmt.Sprintf(`made_seconds{node="made"} %f`, seconds(time.Now().Add(-30*time.Second))),
		)()
	})
	return prometheus.ForTest(t, prometheus.Options{Targets: []string{agx.address(), rest.address(), stranger.address()}})
}

func nodes() []prom.Node {
	all := []prom.Node{{Name: "agx-desktop", Addresses: []string{"127.0.0.2"}}}
	for _, name := range []string{"orin", "hung", "early", "nx", "dgx", "blank", "nan", "half", "made", "away"} {
		all = append(all, prom.Node{Name: name})
	}
	return all
}

func newReader(t *testing.T, o prom.Options) *prom.Reader {
	t.Helper()
	r, err := prom.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// await reads until enough has been scraped.
func await(t *testing.T, r *prom.Reader, nodes []prom.Node, enough func(prom.Reading) bool) prom.Reading {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := r.Read(ctx, nodes)
		if err == nil && enough(got) {
			return got
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not what was awaited: %+v, %v", got, err)
		}
	}
}

func utilizations(r prom.Reading) map[string]float64 {
	all := map[string]float64{}
	for _, s := range r.Samples {
		if s.Invalid != "" {
			continue
		}
		all[s.Node] = math.Round(1e4*s.Utilization) / 1e4
	}
	return all
}

func sampleOf(r prom.Reading, node string) (gpu.Sample, bool) {
	for _, s := range r.Samples {
		if s.Node == node {
			return s, true
		}
	}
	return gpu.Sample{}, false
}

func TestReal(t *testing.T) {
	server := scene(t)
	r := newReader(t, prom.Options{Addresses: []string{server.URL()}})
	full := await(t, r, nodes(), func(r prom.Reading) bool {
		return len(utilizations(r)) >= 7 && len(r.Machines) == 1 && r.Machines[0].CPU >= 0
	})

	t.Run("loads by node, of all kinds of exporters", func(t *testing.T) {
		want := map[string]float64{"agx-desktop": 0.4, "orin": 0.25, "hung": 0, "early": 0.5, "nx": 0.125, "dgx": 0.2, "half": 0.7}
		if diff := cmp.Diff(want, utilizations(full)); diff != "" {
			t.Errorf("%s\nnotes: %s", diff, strings.Join(full.Notes, "\n"))
		}
		if full.From != server.URL() {
			t.Errorf("from %s", full.From)
		}
	})
	t.Run("ages are those of the measurement", func(t *testing.T) {
		for node, want := range map[string]time.Duration{"agx-desktop": 0, "orin": 0, "dgx": 0, "early": 0, "hung": 90 * time.Second} {
			s, _ := sampleOf(full, node)
			if age := full.At.Sub(s.At); age < want || age > want+3*time.Second {
				t.Errorf("%s is %s old, want %s and a scrape", node, age, want)
			}
		}
	})
	t.Run("what is left out is told", func(t *testing.T) {
		for _, node := range []string{"blank", "nan"} {
			if s, ok := sampleOf(full, node); !ok || !strings.Contains(s.Invalid, "no load in percent") {
				t.Errorf("%s: %+v", node, s)
			}
		}
		notes := strings.Join(full.Notes, "\n")
		for _, want := range []string{"blank: DCGM_FI_DEV_GPU_UTIL", "nan: DCGM_FI_DEV_GPU_UTIL", "half: DCGM_FI_DEV_GPU_UTIL", "NaN, which is no load", "no node is known for jetson_gpu_usage_percent {instance=\"127.0.0.4:", "early: its clock"} {
			if !strings.Contains(notes, want) {
				t.Errorf("the notes lack %q:\n%s", want, notes)
			}
		}
	})
	t.Run("processors and memory", func(t *testing.T) {
		m := full.Machines[0]
		if m.Node != "agx-desktop" || m.CPU < 0.15 || m.CPU > 0.35 || m.Memory != 0.75 || full.At.Sub(m.At) > 3*time.Second {
			t.Errorf("got %+v", m)
		}
	})
	t.Run("several GPUs", func(t *testing.T) {
		for several, want := range map[prom.Several]float64{prom.Mean: 0.2, prom.Least: 0.1, prom.Most: 0.3} {
			got := mustRead(t, newReader(t, prom.Options{Addresses: []string{server.URL()}, Several: several}), nodes())
			if u := utilizations(got)["dgx"]; u != want {
				t.Errorf("%s of 10 %% and 30 %% is %g", several, u)
			}
		}
	})
	t.Run("own sources", func(t *testing.T) { ownSources(t, server) })
	t.Run("without a list of nodes", func(t *testing.T) {
		got := utilizations(mustRead(t, newReader(t, prom.Options{Addresses: []string{server.URL()}}), nil))
		if got["127.0.0.2"] != 0.4 || got["127.0.0.4"] != 0.01 || got["orin"] != 0.25 {
			t.Errorf("got %v", got)
		}
	})
	t.Run("several addresses", func(t *testing.T) { severalAddresses(t, server) })
	t.Run("credentials and authorities", func(t *testing.T) { credentials(t, server) })
}

func mustRead(t *testing.T, r *prom.Reader, nodes []prom.Node) prom.Reading {
	t.Helper()
	got, err := r.Read(t.Context(), nodes)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func ownSources(t *testing.T, server *prometheus.Server) {
	var sources []prom.Source
	for _, text := range []string{
		"ratio:avg by (node) (made) measured at avg by (node) (made_seconds)",
		`percent@away:jetson_gpu_usage_percent{instance=~"127.0.0.2:.*"}`,
		"percent:sum(((nonsense",
		"ratio:made{x=\"}\"}",
	} {
		s, err := prom.ParseSource(text)
		if text == "percent:sum(((nonsense" {
			if err == nil {
				t.Errorf("%q passes", text)
			}
			s = prom.Source{Unit: prom.Ratio, Query: "sum(((nonsense", Time: "made_seconds"}
		} else if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, s)
	}
	got := mustRead(t, newReader(t, prom.Options{Addresses: []string{server.URL()}, Sources: sources}), nodes())
	if diff := cmp.Diff(map[string]float64{"made": 0.125, "away": 0.4}, utilizations(got)); diff != "" {
		t.Error(diff)
	}
	if s, _ := sampleOf(got, "made"); got.At.Sub(s.At) < 30*time.Second || got.At.Sub(s.At) > 33*time.Second {
		t.Errorf("made is %s old", got.At.Sub(s.At))
	}
	if !strings.Contains(strings.Join(got.Notes, "\n"), "refuses the query") {
		t.Errorf("the broken query is not told of: %q", got.Notes)
	}
}

func severalAddresses(t *testing.T, server *prometheus.Server) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	unwell := httptest.NewServer(http.NotFoundHandler())
	defer unwell.Close()
	fresh := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
	}))
	defer fresh.Close()
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	for name, c := range map[string]struct{ first, problem string }{
		"silent":       {silent.URL, "no answer within 300ms"},
		"unwell":       {unwell.URL, "404 Not Found"},
		"dead":         {dead.URL, "connection refused"},
		"just started": {fresh.URL, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReader(t, prom.Options{Addresses: []string{c.first, server.URL()}, Timeout: 300 * time.Millisecond})
			got := mustRead(t, r, nodes())
			if got.From != server.URL() || len(got.Samples) == 0 {
				t.Errorf("%d samples from %s", len(got.Samples), got.From)
			}
			if !strings.Contains(strings.Join(got.Notes, "\n"), c.problem) {
				t.Errorf("not told: %q in %q", c.problem, got.Notes)
			}
			if again := mustRead(t, r, nodes()); c.problem != "" && strings.Contains(strings.Join(again.Notes, "\n"), c.problem) {
				t.Error("the one that failed is asked first again")
			}
			if c.problem == "" {
				return
			}
			_, err := newReader(t, prom.Options{Addresses: []string{c.first}, Timeout: 300 * time.Millisecond}).Read(t.Context(), nodes())
			if err == nil || !strings.Contains(err.Error(), c.problem) || !strings.Contains(err.Error(), c.first) {
				t.Errorf("alone it gives %v", err)
			}
		})
	}
}

func credentials(t *testing.T, server *prometheus.Server) {
	const secret = "a-long-secret-of-the-cluster"
	behind, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(behind) }}
	guarded := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+secret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer guarded.Close()
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := file("ca.pem", pemOf(guarded.Certificate()))
	token := file("token", secret+"\n")
	r := newReader(t, prom.Options{Addresses: []string{guarded.URL}, CAFile: ca, TokenFile: token})
	if got := mustRead(t, r, nodes()); utilizations(got)["orin"] != 0.25 {
		t.Errorf("got %v", utilizations(got))
	}
	file("token", "another-"+secret) // a cluster's tokens change under the reader
	if _, err := r.Read(t.Context(), nodes()); err == nil || !strings.Contains(err.Error(), "credentials are refused (401") || strings.Contains(err.Error(), secret) {
		t.Errorf("a wrong token gives %v", err)
	}
	file("token", secret)
	mustRead(t, r, nodes())
	_, err = newReader(t, prom.Options{Addresses: []string{guarded.URL}, TokenFile: token}).Read(t.Context(), nodes())
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown authority gives %v", err)
	}
}
