package prom_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
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
