package simulate_test

import (
	"strings"
	"testing"
	"time"

	"plumbline/internal/gpu"
	"plumbline/internal/simulate"
)

func TestRecordings(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		unit simulate.Unit
		want string // error
	}{
		"CSV":                 {"node,time,utilization\na,0,0.5\na,60,0.25\n", simulate.Auto, ""},
		"CSV, other order":    {"time, utilization, more, node\n2026-03-01T00:00:00Z, 50, x, a\n2026-03-01T00:01:00Z, 25, x, a\n", simulate.Auto, ""},
		"per cent below 1":    {"node,time,utilization\na,0,0.5\na,60,0.5\n", simulate.Percent, ""},
		"objects":             {`[{"node":"a","time":"2026-03-01T00:00:00Z","utilization":0.5},{"node":"a","time":"2026-03-01T00:01:00Z","utilization":0.25}]`, simulate.Auto, ""},
		"Prometheus":          {`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"node":"a"},"values":[[0,"0.5"],[60,"0.25"]]}]}}`, simulate.Auto, ""},
		"empty":               {"", simulate.Auto, "names of the columns"},
		"only names":          {"node,time,utilization\n", simulate.Auto, "no measurement"},
		"no times":            {"node,utilization\na,1\n", simulate.Auto, `no column "time"`},
		"a bad time":          {"node,time,utilization\na,noon,1\n", simulate.Auto, `line 2: the time "noon"`},
		"a bad value":         {"node,time,utilization\na,0,much\n", simulate.Auto, `line 2: the utilization "much"`},
		"one moment":          {"node,time,utilization\na,0,1\nb,0,1\n", simulate.Auto, "more than one moment"},
		"too far apart":       {"node,time,utilization\na,0,1\na,1e12,1\n", simulate.Auto, "at most"},
		"never":               {"node,time,utilization\na,NaN,1\na,2,1\n", simulate.Auto, "says nothing"},
		"over 100":            {"node,time,utilization\na,0,101\na,1,1\n", simulate.Auto, "from 1 to 101"},
		"over 1":              {"node,time,utilization\na,0,2\na,1,1\n", simulate.Ratio, "from 1 to 2"},
		"negative":            {"node,time,utilization\na,0,-1\na,1,1\n", simulate.Auto, "from -1 to 1"},
		"only NaN":            {"node,time,utilization\na,0,NaN\na,1,NaN\n", simulate.Auto, "no measurement"},
		"Prometheus's error":  {`{"status":"error","error":"bad query"}`, simulate.Auto, "bad query"},
		"an instant":          {`{"status":"success","data":{"resultType":"vector"}}`, simulate.Auto, "query_range"},
		"a series of no node": {`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"x"},"values":[]}]}}`, simulate.Auto, "none of the labels"},
		"a broken pair":       {`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"node":"a"},"values":[["0",5]]}]}}`, simulate.Auto, "no pair"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := simulate.ReadRecorded(strings.NewReader(c.text), c.unit)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "" && (r.NodeCount() != 1 || r.Length() != time.Minute):
				t.Errorf("%d nodes, %s", r.NodeCount(), r.Length())
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v does not say %q", err, c.want)
			}
		})
	}
}

// A recording that alternates between busy and idle is met as such: a picture takes 2 s or 20 s.
func TestRecordedLoadIsPlayed(t *testing.T) {
	text := "node,time,utilization\n"
	for _, l := range []string{"0,0", "100,90", "200,0", "300,90", "400,0"} {
		text += "a," + l + "\n"
	}
	r, err := simulate.ReadRecorded(strings.NewReader(text), simulate.Auto)
	if err != nil {
		t.Fatal(err)
	}
	s := tiny(0)
	s.Loads, s.Recorded, s.Pictures, s.Rules.Threshold = nil, r, 1, 1
	met := map[time.Duration]int{}
	for _, seed := range simulate.Seeds(40) {
		o := run(t, s, gpu.LeastLoaded, seed)
		met[o.Responses[0].Round(time.Second)]++
	}
	if len(met) != 2 || met[2*time.Second] < 10 || met[20*time.Second] < 10 {
		t.Errorf("%v", met)
	}
}

// A value holds until the next one, which here begins when the recording starts over.
func TestRecordedValueHolds(t *testing.T) {
	r, err := simulate.ReadRecorded(strings.NewReader("node,time,utilization\na,0,0.25\na,100,0.75\n"), simulate.Auto)
	if err != nil {
		t.Fatal(err)
	}
	s := tiny(0)
	s.Recorded = r
	for at := time.Duration(0); at < 5*time.Minute; at += time.Second {
		if v := s.LoadsOf(1).At(0, at); v != 0.25 {
			t.Fatalf("%g at %s", v, at)
		}
	}
}

func FuzzReadRecorded(f *testing.F) {
	f.Add("node,time,utilization\na,0,0.5\na,60,0.25\n")
	f.Add(`[{"node":"a","time":1,"utilization":0.5},{"node":"a","time":"2026-03-01T00:01:00Z","utilization":1}]`)
	f.Add(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"node":"a"},"values":[[0,"0.5"],[60,"0.25"]]}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := simulate.ReadRecorded(strings.NewReader(text), simulate.Auto)
		if err != nil {
			return
		}
		s := simulate.Default()
		s.Recorded, s.Nodes = r, r.NodeCount()
		l := s.LoadsOf(1)
		for _, at := range []time.Duration{0, time.Second, 24 * time.Hour} {
			if v := l.At(s.Nodes-1, at); !(v >= 0 && v <= 1) {
				t.Errorf("a load of %g", v)
			}
		}
	})
}
