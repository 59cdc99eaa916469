package prom_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"plumbline/internal/cluster/prom"
)

func pemOf(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// What is no Prometheus, or does not answer as one, is an error that names it, or a note; never a sample.
func TestAnswersThatAreNone(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"a page":           {"<html>login</html>", "not Prometheus's"},
		"nothing":          {"", "not Prometheus's"},
		"another result":   {`{"status":"success","data":{"resultType":"matrix","result":[]}}`, "it gives a matrix"},
		"a refusal":        {`{"status":"error","errorType":"execution","error":"too many samples"}`, "too many samples"},
		"values of no use": {`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"node":"a"},"value":[1]},{"metric":{"node":"a"}},{"metric":{"node":"a"},"value":["x",5]}]}}`, ""},
		"a warning":        {`{"status":"success","warnings":["remote read: one store is away"],"data":{"resultType":"vector","result":[]}}`, "one store is away"},
		"no time":          {`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"node":"a"},"value":[1767225600,"NaN"]}]}}`, "no load in"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, c.answer) }))
			defer server.Close()
			got, err := newReader(t, prom.Options{Addresses: []string{server.URL}}).Read(t.Context(), nil)
			said := strings.Join(got.Notes, "\n")
			if err != nil {
				said += err.Error()
			}
			if len(utilizations(got)) > 0 || len(got.Machines) > 0 && got.Machines[0].CPU >= 0 || !strings.Contains(said, c.want) {
				t.Errorf("samples %v; said %q, want %q", got.Samples, said, c.want)
			}
		})
	}
}

func TestOptionsAreValidated(t *testing.T) {
	for name, c := range map[string]struct {
		o    prom.Options
		want string
	}{
		"no address":      {prom.Options{}, "no address"},
		"no scheme":       {prom.Options{Addresses: []string{"prometheus:9090"}}, "write it like http://"},
		"a password":      {prom.Options{Addresses: []string{"ftp://me:hidden@x"}}, "me:xxxxx@x"},
		"several":         {prom.Options{Addresses: []string{"http://x"}, Several: "median"}, "not \"median\""},
		"an expression":   {prom.Options{Addresses: []string{"http://x"}, Sources: []prom.Source{{Unit: prom.Ratio, Query: "sum(x)"}}}, "measured at"},
		"no unit":         {prom.Options{Addresses: []string{"http://x"}, Sources: []prom.Source{{Query: "x"}}}, "ratio or percent"},
		"no authorities":  {prom.Options{Addresses: []string{"http://x"}, CAFile: "/nowhere"}, "authorities"},
		"nothing to read": {prom.Options{Addresses: []string{"http://x"}, Sources: []prom.Source{{Unit: prom.Ratio}}}, "needs a query"},
	} {
		if _, err := prom.New(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestParseSource(t *testing.T) {
	for text, want := range map[string]prom.Source{
		`percent:a_load{job="x:y"}`:                       {Unit: prom.Percent, Query: `a_load{job="x:y"}`},
		`ratio@node-1:{__name__="a",b="}"}`:               {Unit: prom.Ratio, Node: "node-1", Query: `{__name__="a",b="}"}`},
		`ratio:sum by (n) (a) measured at max by (n) (t)`: {Unit: prom.Ratio, Query: "sum by (n) (a)", Time: "max by (n) (t)"},
		`percent:a measured at b`:                         {Unit: prom.Percent, Query: "a", Time: "b"},
	} {
		if got, err := prom.ParseSource(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "a", "load:a", "ratio:", "ratio:sum(a)", "ratio:a or b", "ratio:a[5m]", "ratio:a offset 5m"} {
		if s, err := prom.ParseSource(bad); err == nil {
			t.Errorf("%q passes as %+v", bad, s)
		}
	}
}

// FuzzDecode feeds foreign answers: whatever passes for a value is one that Prometheus wrote, and nothing panics.
func FuzzDecode(f *testing.F) {
	f.Add(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"node":"a"},"value":[1767225600.5,"0.5"]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"vector","result":[{"value":[null,"1e999"]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"vector","result":[{"value":[1e300,"NaN"]}]}}`)
	f.Add(`{"status":"error"}`)
	f.Fuzz(func(t *testing.T, text string) {
		n, err := prom.Decode(text)
		if err != nil && n > 0 || n > len(text) {
			t.Errorf("%d series, %v", n, err)
		}
	})
}

// answering is a Prometheus that gives one series of node a to each query that holds one of the texts.
func answering(t *testing.T, values map[string]float64) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result := "[]"
		for text, v := range values {
			if strings.Contains(r.URL.Query().Get("query"), text) {
				result = fmt.Sprintf(`[{"metric":{"node":"a"},"value":[1767225600,"%g"]}]`, v)
			}
		}
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":%s}}`, result)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// The rate of an idle processor's counters is off by what its scrapes jitter: it is idle all the same. What is far off is unknown.
func TestJitterMakesNoProcessorUnknown(t *testing.T) {
	for name, c := range map[string]struct{ read, want float64 }{
		"idle":           {0, 0},
		"a little under": {-0.001, 0},
		"at the limit":   {-0.05, 0},
		"far under":      {-0.06, -1},
		"a little over":  {1.04, 1},
		"far over":       {1.2, -1},
		"no number":      {math.NaN(), -1},
	} {
		t.Run(name, func(t *testing.T) {
			address := answering(t, map[string]float64{"node_cpu_seconds_total": c.read, "MemAvailable": 0.5, "timestamp(node_memory": 1767225599})
			got := mustRead(t, newReader(t, prom.Options{Addresses: []string{address}}), nil)
			if len(got.Machines) != 1 || got.Machines[0].CPU != c.want || got.Machines[0].Memory != 0.5 {
				t.Errorf("%g is read as %+v; notes %q", c.read, got.Machines, got.Notes)
			}
			if known := len(got.Notes) == 0; known != (c.want >= 0) {
				t.Errorf("the notes are %q", got.Notes)
			}
		})
	}
}

// A source of a node that is not there gives no sample, and says so; a node may be called by its address, too.
func TestASourceNamesANodeThatIsThere(t *testing.T) {
	address := answering(t, map[string]float64{"load": 40})
	for name, wanted := range map[string]int{"a": 1, "A": 1, "10.0.0.1": 1, "nosuch": 0} {
		s := prom.Source{Unit: prom.Percent, Query: "load", Time: "load_seconds", Node: name}
		got := mustRead(t, newReader(t, prom.Options{Addresses: []string{address}, Sources: []prom.Source{s}}), []prom.Node{{Name: "a", Addresses: []string{"10.0.0.1"}}})
		told := strings.Contains(strings.Join(got.Notes, "\n"), "no node is called "+name)
		if len(got.Samples) != wanted || wanted == 1 && got.Samples[0].Node != "a" || told != (wanted == 0) {
			t.Errorf("%s: %+v, notes %q", name, got.Samples, got.Notes)
		}
	}
}
