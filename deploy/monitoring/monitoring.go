// Package monitoring is what people look at Plumbline with: a Grafana dashboard and Prometheus alert rules over the metrics
// that docs/metrics.md lists. The dashboard is made from the table in panels.go; dashboard.json beside it is the same for
// those who import a file. It refuses to know where Prometheus is, or which jobs scrape what: every expression names metrics
// of Plumbline only.
package monitoring

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Alerts is the rule file for Prometheus.
//
//go:embed alerts.yml
var Alerts []byte

// Expressions are all that the dashboard asks Prometheus, by the title of their panel.
func Expressions() map[string][]string {
	all := map[string][]string{}
	for _, r := range rows {
		for _, p := range r.panels {
			for _, q := range p.queries {
				all[p.title] = append(all[p.title], q.chosen())
			}
		}
	}
	return all
}

// metric is one of ours in an expression, with what chooses among its series.
var metric = regexp.MustCompile(`\bplumbline_\w+(\{[^}]*\})?`)

// chosen is the expression of the installations that the dashboard's variable chooses.
func (q query) chosen() string {
	return metric.ReplaceAllStringFunc(q.expr, func(m string) string {
		name, labels, _ := strings.Cut(strings.TrimSuffix(m, "}"), "{")
		return strings.TrimSuffix(name+`{namespace=~"$namespace",`+labels, ",") + "}"
	})
}

// Dashboard is the dashboard as Grafana imports it.
func Dashboard() ([]byte, error) {
	text, err := json.MarshalIndent(dashboard{
		Title: "Plumbline", UID: "plumbline", Tags: []string{"plumbline"}, Schema: schemaVersion, Editable: true,
		Time: span{From: "now-1h", To: "now"}, Refresh: "10s", Tooltip: sharedCrosshair,
		Templating: templating{variables()},
		Panels:     layOut(rows),
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the dashboard: %w", err)
	}
	return append(text, '\n'), nil
}

// The grid of Grafana has 24 columns.
const (
	columns    = 24
	rowHeight  = 1
	statHeight = 4
	plotHeight = 8
)

// layOut puts the panels of each row beside each other as they fit, below a heading.
func layOut(rows []row) []panelJSON {
	var all []panelJSON
	y := 0
	add := func(p panelJSON) { p.ID = len(all) + 1; all = append(all, p) }
	for _, r := range rows {
		add(panelJSON{Type: "row", Title: r.title, Grid: grid{W: columns, H: rowHeight, Y: y}, Panels: &[]panelJSON{}})
		y += rowHeight
		x, tallest := 0, 0
		for _, p := range r.panels {
			made := p.json()
			if x+made.Grid.W > columns {
				x, y, tallest = 0, y+tallest, 0
			}
			made.Grid.X, made.Grid.Y = x, y
			x, tallest = x+made.Grid.W, max(tallest, made.Grid.H)
			add(made)
		}
		y += tallest
	}
	return all
}
