package simulate

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Recorded is load as it was measured: each node's values in the order of their times. Played longer than it lasts it starts
// over.
type Recorded struct {
	nodes  []track
	length time.Duration
}

// track is one node's values; times count from the recording's begin.
type track struct {
	name   string
	at     []time.Duration
	values []float64
}

// Unit is what the numbers of a recording mean.
type Unit string

// The units.
const (
	Auto    Unit = "auto"    // per cent when any value is over 1, else a ratio
	Ratio   Unit = "ratio"   // 0 to 1
	Percent Unit = "percent" // 0 to 100
)

// point is one measurement in a file.
type point struct {
	Node        string          `json:"node"`
	Time        json.RawMessage `json:"time"`
	Utilization float64         `json:"utilization"`
	at          float64         // Unix seconds
}

// mostPoints bounds what a file may hold.
const mostPoints = 5000000

// NodeCount is how many nodes were recorded.
func (r *Recorded) NodeCount() int { return len(r.nodes) }

// Length is from the first measurement to the last.
func (r *Recorded) Length() time.Duration { return r.length }

// at holds a value until the next; before the first one that holds.
func (r *Recorded) at(node int, t time.Duration) float64 {
	n := r.nodes[node]
	t %= r.length
	i := sort.Search(len(n.at), func(i int) bool { return n.at[i] > t })
	return n.values[max(0, i-1)]
}

// ReadRecorded reads measurements: CSV with the columns node, time and utilization (named by its first line, in any order), a
// JSON array of objects with these keys, or the answer of Prometheus's /api/v1/query_range. Times are RFC 3339 or Unix
// seconds. Values that are no numbers are left out.
func ReadRecorded(in io.Reader, unit Unit) (*Recorded, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	var points []point
	switch trimmed := bytes.TrimSpace(text); {
	case bytes.HasPrefix(trimmed, []byte("{")):
		points, err = readPrometheus(trimmed)
	case bytes.HasPrefix(trimmed, []byte("[")):
		points, err = readObjects(trimmed)
	default:
		points, err = readCSV(text)
	}
	if err != nil {
		return nil, err
	}
	return record(points, unit)
}

func readObjects(text []byte) ([]point, error) {
	var points []point
	if err := json.Unmarshal(text, &points); err != nil {
		return nil, fmt.Errorf("reading a JSON array of node, time and utilization: %w", err)
	}
	for i := range points {
		at, err := readTime(strings.Trim(string(points[i].Time), `"`))
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i+1, err)
		}
		points[i].at = at
	}
	return points, nil
}

// answer is what Prometheus gives for a range.
type answer struct {
	Status string `json:"status"`
	Error  string `json:"error"`
	Data   struct {
		Type   string `json:"resultType"`
		Result []struct {
			Metric map[string]string `json:"metric"`
			Values [][2]any          `json:"values"`
		} `json:"result"`
	} `json:"data"`
}

func readPrometheus(text []byte) ([]point, error) {
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("reading an answer of Prometheus: %w", err)
	}
	switch {
	case a.Status != "success":
		return nil, fmt.Errorf("this answer of Prometheus is no success: %q %s", a.Status, a.Error)
	case a.Data.Type != "matrix":
		return nil, fmt.Errorf("this answer of Prometheus is a %q: ask /api/v1/query_range, which gives a matrix", a.Data.Type)
	}
	var points []point
	for _, series := range a.Data.Result {
		node, err := nodeOf(series.Metric)
		if err != nil {
			return nil, err
		}
		for _, v := range series.Values {
			at, isTime := v[0].(float64)
			value, isText := v[1].(string)
			u, err := strconv.ParseFloat(value, 64)
			if !isTime || !isText || err != nil {
				return nil, fmt.Errorf("series of %s: %v is no pair of time and value", node, v)
			}
			points = append(points, point{Node: node, at: at, Utilization: u})
		}
	}
	return points, nil
}

// nodeLabels are where a node's name is looked for, in this order.
var nodeLabels = []string{"node", "kubernetes_node", "nodename", "Hostname", "hostname", "instance"}

func nodeOf(labels map[string]string) (string, error) {
	for _, l := range nodeLabels {
		if name := labels[l]; name != "" {
			if host, _, err := net.SplitHostPort(name); err == nil {
				name = host
			}
			return name, nil
		}
	}
	return "", fmt.Errorf("a series has none of the labels %s, so its node is not known; aggregate by one of them", strings.Join(nodeLabels, ", "))
}

func readCSV(text []byte) ([]point, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	r.TrimLeadingSpace, r.ReuseRecord, r.Comment = true, true, '#'
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("reading the line with the names of the columns: %w", err)
	}
	var column [3]int
	for i, name := range []string{"node", "time", "utilization"} {
		if column[i] = slices.Index(head, name); column[i] < 0 {
			return nil, fmt.Errorf("the first line names no column %q; it needs node, time and utilization, and has %q", name, strings.Join(head, ","))
		}
	}
	var points []point
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return points, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading CSV: %w", err)
		}
		line, _ := r.FieldPos(0)
		p := point{Node: strings.Clone(fields[column[0]])}
		if p.at, err = readTime(fields[column[1]]); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if p.Utilization, err = strconv.ParseFloat(fields[column[2]], 64); err != nil {
			return nil, fmt.Errorf("line %d: the utilization %q is no number", line, fields[column[2]])
		}
		points = append(points, p)
	}
}

// readTime gives Unix seconds.
func readTime(text string) (float64, error) {
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, fmt.Errorf("the time %q is neither RFC 3339, such as 2026-03-01T12:00:00Z, nor Unix seconds", text)
	}
	return float64(t.UnixNano()) / 1e9, nil
}

// longest is what a recording may last; times further apart are a slip in the file.
const longest = 366 * 24 * time.Hour

// record sorts the measurements into tracks.
func record(points []point, unit Unit) (*Recorded, error) {
	points = slices.DeleteFunc(points, func(p point) bool { return math.IsNaN(p.Utilization) || math.IsInf(p.Utilization, 0) })
	if len(points) > mostPoints {
		return nil, fmt.Errorf("%d measurements: at most %d", len(points), mostPoints)
	}
	factor, err := factorOf(points, unit)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.at, b.at) })
	begin, end := points[0].at, points[len(points)-1].at
	if !(end > begin) || end-begin > longest.Seconds() {
		return nil, fmt.Errorf("the measurements span %g s: a recording needs more than one moment, and at most %s", end-begin, longest)
	}
	byName := map[string]*track{}
	for _, p := range points {
		n := byName[p.Node]
		if n == nil {
			n = &track{name: p.Node}
			byName[p.Node] = n
		}
		n.at = append(n.at, time.Duration((p.at-begin)*float64(time.Second)))
		n.values = append(n.values, p.Utilization*factor)
	}
	r := &Recorded{length: max(1, time.Duration((end-begin)*float64(time.Second)))}
	for _, n := range byName {
		r.nodes = append(r.nodes, *n)
	}
	slices.SortFunc(r.nodes, func(a, b track) int { return strings.Compare(a.name, b.name) })
	return r, nil
}

// factorOf turns the unit into a factor, and refuses what cannot be a utilization in it.
func factorOf(points []point, unit Unit) (float64, error) {
	if len(points) == 0 {
		return 0, errors.New("there is no measurement in it")
	}
	least, most := math.Inf(1), math.Inf(-1)
	for _, p := range points {
		if p.Node == "" || math.IsNaN(p.at) || math.IsInf(p.at, 0) {
			return 0, fmt.Errorf("a measurement of node %q at %g says nothing", p.Node, p.at)
		}
		least, most = min(least, p.Utilization), max(most, p.Utilization)
	}
	factor, limit := 1.0, 1.0
	if unit == Percent || unit == Auto && most > 1 {
		factor, limit = 0.01, 100
	}
	if least < 0 || most > limit {
		return 0, fmt.Errorf("utilizations go from %g to %g: they must be 0 to %g", least, most, limit)
	}
	return factor, nil
}
