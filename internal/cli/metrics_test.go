package cli_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"plumbline/deploy/monitoring"
	pb "plumbline/internal/cluster/scaler/externalscaler"
	"plumbline/internal/testkit/mosquitto"
	"plumbline/internal/testkit/prometheus"
)

// town is one process of each role, by role the host:port of its /metrics.
type town struct {
	t       *testing.T
	hub     *process
	metrics map[string]string
}

// Everything that Plumbline shows to Prometheus: named as is the custom, documented, and enough for what the dashboard and
// the alerts ask.
func TestMetricsOfEveryRole(t *testing.T) {
	m := newTown(t)
	server := prometheus.ForTest(t, prometheus.Options{Targets: slices.Sorted(maps.Values(m.metrics)), Rules: string(monitoring.Alerts)})
	m.live()
	shown := map[string]map[string]*dto.MetricFamily{}
	for role, address := range m.metrics {
		shown[role] = m.scrape(address)
	}
	t.Run("names", func(t *testing.T) { lintMetrics(t, shown) })
	t.Run("documented", func(t *testing.T) { compareWithDocument(t, shown) })
	t.Run("dashboard", func(t *testing.T) { answers(t, server, dashboardQueries()) })
	t.Run("alerts", func(t *testing.T) { answers(t, server, alertQueries()) })
	t.Run("rules", func(t *testing.T) { rulesAreHealthy(t, server) })
}

// newTown starts a hub that is a client of a broker outside and has one of its own, and shows its metrics without the page, a worker, an exporter on the tree of an
// Orin, and a controller that sees neither cluster nor Prometheus.
func newTown(t *testing.T) *town {
	t.Helper()
	joining, workerHTTP, hubMetrics := freeAddress(t), freeAddress(t), freeAddress(t)
	h := startHub(t, "--listen-nats", joining, "--metrics-listen", hubMetrics, "--mqtt-url", "mqtt://"+mosquitto.ForTest(t, mosquitto.Options{}).Address())
	startWorker(t, h, joining, "--http-listen", workerHTTP).joined()
	e := startExport(t, "--sysfs", "../cluster/exporter/testdata/orin/sys", "--node", "orin-1")
	t.Cleanup(func() { e.end(t) })
	exporter, err := url.Parse(e.url)
	if err != nil {
		t.Fatal(err)
	}
	return &town{t: t, hub: h, metrics: map[string]string{"serve": hubMetrics, "work": workerHTTP, "export": exporter.Host, "control": startControl(t, h)}}
}

// startControl asks the controller once, as KEDA does, and gives the address of its metrics.
func startControl(t *testing.T, h *process) string {
	t.Helper()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(`{apiVersion: v1, kind: Config, current-context: none,
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}], contexts: [{name: none, context: {cluster: none, namespace: plumbline}}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("plumbline", "control", "--hub", "http://"+h.http, "--prometheus", "http://127.0.0.1:1", "--kubeconfig", kubeconfig, "--log-level", "error",
		"--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	lines.Scan()
	where := regexp.MustCompile(`KEDA asks (\S+), status on http://(\S+)/status`).FindStringSubmatch(lines.Text())
	if where == nil {
		t.Fatalf("the controller said %q", lines.Text())
	}
	connection, err := grpc.NewClient(where[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := pb.NewExternalScalerClient(connection).GetMetrics(t.Context(), &pb.GetMetricsRequest{
		MetricName: "plumbline-jobs", ScaledObjectRef: &pb.ScaledObjectRef{Namespace: "plumbline", Name: "plumbline-worker"},
	}); err != nil {
		t.Logf("the controller, of a cluster that is not there: %v", err)
	}
	return where[2]
}

// live sends pictures of two devices and what is none, until all is recorded.
func (m *town) live() {
	m.t.Helper()
	for _, device := range []string{"pi1", "pi1", "pi2"} {
		run(m.t, firstPerson(), "mosquitto_pub", "-p", m.hub.port(), "-q", "1", "-t", "images/"+device, "-s")
	}
	run(m.t, []byte("good morning"), "mosquitto_pub", "-p", m.hub.port(), "-q", "1", "-t", "images/pi2", "-s")
	m.hub.until(time.Minute, "three rows", func() bool { return m.hub.rows("pi1") == 2 && m.hub.rows("pi2") == 1 })
}

func (m *town) scrape(address string) map[string]*dto.MetricFamily {
	m.t.Helper()
	for _, path := range []string{"/readyz", "/metrics"} {
		response, err := http.Get("http://" + address + path)
		if err != nil {
			m.t.Fatal(err)
		}
		defer response.Body.Close()
		if path != "/metrics" {
			continue
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(response.Body)
		if err != nil {
			m.t.Fatalf("%s: %v", address, err)
		}
		return families
	}
	return nil
}

// lintMetrics holds names and help to Prometheus' customs.
func lintMetrics(t *testing.T, shown map[string]map[string]*dto.MetricFamily) {
	for role, families := range shown {
		problems, err := promlint.NewWithMetricFamilies(slices.Collect(maps.Values(families))).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s: %s", role, p.Metric, p.Text)
		}
		for name, f := range families {
			if f.GetHelp() == "" || !strings.HasSuffix(f.GetHelp(), ".") && strings.HasPrefix(name, "plumbline_") {
				t.Errorf("%s: the help of %s is no sentence: %q", role, name, f.GetHelp())
			}
		}
	}
}

// sections are the headings of docs/metrics.md with the roles that show what is below.
var sections = map[string][]string{
	"Every role": {"serve", "work", "control", "export"}, "Hub and workers": {"serve", "work"}, "Hub": {"serve"},
	"Controller": {"control"}, "Exporter": {"export"},
}

// seenInACluster are metrics of what this test's controller does not know.
const seenInACluster = `plumbline_scaler_(jobs|nodes|free_slots)`

// elsewhere are documented metrics that this test's processes do not show.
var elsewhere = regexp.MustCompile(`^plumbline_placement_refused_nodes$|^` + seenInACluster + `$` +
	`|^plumbline_prometheus_reads_total$` + // needs a cluster's nodes
	`|^plumbline_gpu_memory_|^jetson_gpu_usage_percent$`) // of other boards than the test's Orin

// documented is a metric as the document says it.
type documented struct{ Type, Labels string }

func compareWithDocument(t *testing.T, shown map[string]map[string]*dto.MetricFamily) {
	inDocument := metricsInDocument(t)
	for role, families := range shown {
		got, want := map[string]documented{}, map[string]documented{}
		for name, f := range families {
			if !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
				got[name] = documented{strings.ToLower(f.GetType().String()), labelsOf(f)}
			}
		}
		for section, roles := range sections {
			if slices.Contains(roles, role) {
				maps.Copy(want, inDocument[section])
			}
		}
		maps.DeleteFunc(want, func(name string, _ documented) bool {
			_, there := got[name]
			return !there && elsewhere.MatchString(name)
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("docs/metrics.md (-) and what plumbline %s shows (+):\n%s", role, diff)
		}
	}
}

func labelsOf(f *dto.MetricFamily) string {
	names := map[string]bool{}
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			names[l.GetName()] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), " ")
}

// metricsInDocument reads the tables of docs/metrics.md: metric, type, labels, meaning.
func metricsInDocument(t *testing.T) map[string]map[string]documented {
	t.Helper()
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	all, section := map[string]map[string]documented{}, ""
	row := regexp.MustCompile("^\\| `([a-z_]+)` \\| (\\w+) \\|([^|]*)\\| .+ \\|$")
	for line := range strings.Lines(string(text)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(heading)
			all[section] = map[string]documented{}
		}
		if m := row.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			labels := strings.Fields(strings.NewReplacer("`", "", ",", "").Replace(m[3]))
			slices.Sort(labels)
			all[section][m[1]] = documented{m[2], strings.Join(labels, " ")}
		}
	}
	for section := range sections {
		if len(all[section]) == 0 {
			t.Errorf("docs/metrics.md has no metrics under the heading %q", section)
		}
	}
	return all
}

// dashboardQueries are all that the dashboard asks, with an interval for the one that Grafana sets.
func dashboardQueries() map[string]string {
	all := map[string]string{}
	for title, expressions := range monitoring.Expressions() {
		for i, e := range expressions {
			if regexp.MustCompile(seenInACluster).MatchString(e) {
				e += " or vector(0)" // it must still be understood
			}
			all[fmt.Sprintf("%s, %d", title, i+1)] = strings.NewReplacer("$__rate_interval", "1m", "$namespace", ".*").Replace(e)
		}
	}
	return all
}

// alertQueries are the alerts' expressions without what makes them silent: their parts one by one, and no comparison.
func alertQueries() map[string]string {
	all := map[string]string{}
	for _, m := range regexp.MustCompile(`- alert: (\w+)\n\s+expr: (.+)\n`).FindAllStringSubmatch(string(monitoring.Alerts), -1) {
		for i, part := range regexp.MustCompile(` and | or | unless `).Split(m[2], -1) {
			if !strings.HasPrefix(part, "absent") {
				all[fmt.Sprintf("%s, %d", m[1], i+1)] = regexp.MustCompile(` (==|>=?) [0-9.]+$`).ReplaceAllString(part, "")
			}
		}
	}
	return all
}

// answers waits until each expression has a series.
func answers(t *testing.T, server *prometheus.Server, queries map[string]string) {
	t.Helper()
	if len(queries) < 7 {
		t.Fatalf("only %d expressions: the test no longer reads them", len(queries))
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(40 * time.Second); ; <-tick.C {
		maps.DeleteFunc(queries, func(_, q string) bool { return hasSeries(server, q) == nil })
		if len(queries) == 0 {
			return
		}
		if time.Now().After(deadline) {
			break
		}
	}
	for name, q := range queries {
		t.Errorf("%s: %s: %v", name, q, hasSeries(server, q))
	}
}

func hasSeries(server *prometheus.Server, query string) error {
	var answer struct {
		Error string
		Data  struct{ Result []json.RawMessage }
	}
	if err := ask(server, "/api/v1/query?query="+url.QueryEscape(query), &answer); err != nil {
		return err
	}
	if answer.Error != "" {
		return errors.New(answer.Error)
	}
	if len(answer.Data.Result) == 0 {
		return errors.New("no series")
	}
	return nil
}

func ask(server *prometheus.Server, path string, answer any) error {
	response, err := http.Get(server.URL() + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(answer)
}

// rulesAreHealthy: the real server has evaluated each rule, and the dead letter that live made is noticed.
func rulesAreHealthy(t *testing.T, server *prometheus.Server) {
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, State, LastError string }
			}
		}
	}
	if err := ask(server, "/api/v1/rules", &answer); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			if seen++; r.Health != "ok" {
				t.Errorf("%s: %s %s", r.Name, r.Health, r.LastError)
			}
			if r.Name == "PlumblineDeadLetters" && r.State != "pending" { // for its five minutes
				t.Errorf("a dead letter is there, and %s is %s", r.Name, r.State)
			}
		}
	}
	if seen < 7 {
		t.Errorf("the server knows %d rules", seen)
	}
}
