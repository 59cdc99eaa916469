package monitoring_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"plumbline/deploy/monitoring"
)

var update = flag.Bool("update", false, "write dashboard.json anew")

// The file that people import and compose mounts is the one that the table of panels makes.
func TestDashboardFileIsUpToDate(t *testing.T) {
	made, err := monitoring.Dashboard()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("dashboard.json", made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile("dashboard.json")
	if err != nil || !bytes.Equal(file, made) {
		t.Errorf("dashboard.json is not what panels.go makes (%v): go test ./deploy/monitoring -update", err)
	}
}

// Panels lie beside each other within Grafana's grid, none upon another, and each asks something.
func TestPanelsLieOnTheGrid(t *testing.T) {
	type place struct{ H, W, X, Y int }
	var d struct {
		Panels []struct {
			ID      int
			Type    string
			Title   string
			GridPos place
			Targets []struct{ RefID, Expr string }
		}
	}
	made, err := monitoring.Dashboard()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(made, &d); err != nil {
		t.Fatal(err)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("panel %d is there twice", p.ID)
		}
		ids[p.ID] = true
		if p.GridPos.X+p.GridPos.W > 24 || p.Title == "" || (p.Type == "row") != (len(p.Targets) == 0) {
			t.Errorf("%+v", p)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Errorf("%s lies upon %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// A dead installation is not hidden by one that is well: each panel tells them apart, but for GPUs, which are the nodes', and shows
// those that are chosen.
func TestPanelsTellInstallationsApart(t *testing.T) {
	for title, expressions := range monitoring.Expressions() {
		for _, e := range expressions {
			if metrics, chosen := strings.Count(e, "plumbline_"), strings.Count(e, `{namespace=~"$namespace"`); metrics != chosen {
				t.Errorf("%s: of %d metrics %d are of the chosen installations: %s", title, metrics, chosen, e)
			}
			for _, by := range regexp.MustCompile(`\b(?:max|min|sum|avg|count)\b(?: by \(([^)]*)\))?`).FindAllStringSubmatch(e, -1) {
				if !strings.HasPrefix(by[1], "namespace") && !strings.HasPrefix(by[1], "node") {
					t.Errorf("%s joins installations: %s", title, e)
				}
			}
		}
	}
	made, err := monitoring.Dashboard()
	if err != nil {
		t.Fatal(err)
	}
	type variable struct {
		Name, AllValue string
		IncludeAll     bool
	}
	var d struct{ Templating struct{ List []variable } }
	if err := json.Unmarshal(made, &d); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(d.Templating.List, variable{"namespace", ".*", true}) {
		t.Errorf("no installation can be chosen, or not all of them: %+v", d.Templating.List)
	}
}

// Each alert is shown firing and not firing by Prometheus' own tool.
func TestAlerts(t *testing.T) {
	promtool(t, "check", "rules", "alerts.yml")
	promtool(t, "test", "rules", "alerts_test.yml")
	cases, err := os.ReadFile("alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`- alert: (\w+)`).FindAllSubmatch(monitoring.Alerts, -1) {
		silent := regexp.MustCompile(`alertname: ` + string(m[1]) + `, exp_alerts: \[\]`)
		fires := regexp.MustCompile(`alertname: ` + string(m[1]) + `\n\s+exp_alerts:\n\s+- exp_labels`)
		if !silent.Match(cases) || !fires.Match(cases) {
			t.Errorf("alerts_test.yml does not show %s both firing and silent", m[1])
		}
	}
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatalf("no promtool on this machine (Debian: apt-get install prometheus): %v", err)
	}
	if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
