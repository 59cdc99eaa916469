package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/posture"
	"plumbline/internal/web"
)

func TestResultsAsJSON(t *testing.T) {
	l := &ledger{}
	r := seen("pi 1", 1, posture.Good)
	r.Source, r.TakenAt = "../photo.jpg", noon.Add(-time.Minute)
	l.add(seen("pi2", 2, posture.NoLandmarks))
	l.add(r)
	got := get(t, open(t, l), "/api/v1/results?limit=2").Body.String()
	want := `{"results":[{"id":2,"capture_id":"01JP0000000000000000000001","device":"pi 1","received_at":"2026-03-14T11:59:59Z",` +
		`"taken_at":"2026-03-14T11:59:00Z","analyzed_at":"2026-03-14T12:00:00Z","posture_status":"Good","neck_angle":23.4,"body_angle":6.2,` +
		`"neck_uncertainty":1.9,"body_uncertainty":0.9,"side":"right","view":"side","profile":"learnopencv","model":"full","processed_by":"hub/0",` +
		`"filename":"picture1.jpg","source_filename":"../photo.jpg","picture":"/pictures/pi%201/picture1.jpg","width":640,"height":480},` +
		`{"id":1,"capture_id":"01JP0000000000000000000002","device":"pi2","received_at":"2026-03-14T11:59:58Z","analyzed_at":"2026-03-14T12:00:00Z",` +
		`"posture_status":"No_Landmarks","neck_angle":null,"body_angle":null,"neck_uncertainty":null,"body_uncertainty":null,"profile":"learnopencv",` +
		`"model":"full","processed_by":"hub/0","filename":"picture2.jpg","picture":"/pictures/pi2/picture2.jpg","width":640,"height":480}],"before":1}` + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestResultsAreAskedForByDevicePlaceAndNumber(t *testing.T) {
	l := &ledger{}
	for n := 9; n > 0; n-- {
		l.add(seen([]string{"even", "odd"}[n%2], n, posture.Good))
	}
	s := open(t, l)
	for query, want := range map[string][]int64{
		"":                            {9, 8, 7, 6, 5, 4, 3, 2, 1},
		"?device=odd":                 {9, 7, 5, 3, 1},
		"?device=odd&before=5":        {3, 1},
		"?limit=2":                    {9, 8},
		"?device=nobody":              nil,
		"?device=even&before=7&limit": {6, 4, 2},
	} {
		var list struct{ Results []struct{ ID int64 } }
		if err := json.Unmarshal(get(t, s, "/api/v1/results"+query).Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		var ids []int64
		for _, r := range list.Results {
			ids = append(ids, r.ID)
		}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("%q: %s", query, diff)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=501", "?limit=x", "?before=-1", "?before=x"} {
		if r := get(t, s, "/api/v1/results"+query); r.Code != http.StatusBadRequest || !strings.Contains(r.Body.String(), `"error"`) {
			t.Errorf("%q: status %d", query, r.Code)
		}
	}
}

func TestQueueAsJSON(t *testing.T) {
	if got, want := get(t, open(t, &ledger{}), "/api/v1/queue").Body.String(), `{"waiting":3,"leased":2,"dead":1,"workers":[]}`+"\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestNothingButReadingIsServed(t *testing.T) {
	s := open(t, &ledger{}, func(o *web.Options) { o.Dead = &graveyard{} })
	for _, path := range []string{"/api/v1/dead", "/api/v1/dead/1", "/api/v1/dead/1/replay"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			if r := send(s, method, path, nil); r.Code != http.StatusNotFound {
				t.Errorf("%s %s: status %d", method, path, r.Code)
			}
		}
	}
	if r := send(s, http.MethodPost, "/api/v1/results", nil); r.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST of results: status %d", r.Code)
	}
}

// graveyard has one dead letter, called 1, and notes what is done to it.
type graveyard struct{ done []string }

var letter = web.DeadLetter{ID: "1", Device: "pi1", Topic: "images/pi1", Reason: "not a picture", At: noon, Bytes: 7, Head: []byte("garbage")}

func (g *graveyard) List(context.Context) ([]web.DeadLetter, error) {
	return []web.DeadLetter{letter}, nil
}

func (g *graveyard) Get(_ context.Context, id string) (web.DeadLetter, error) {
	return letter, g.find("get", id)
}
func (g *graveyard) Replay(_ context.Context, id string) error { return g.find("replay", id) }
func (g *graveyard) Drop(_ context.Context, id string) error   { return g.find("drop", id) }

func (g *graveyard) find(act, id string) error {
	switch id {
	case "1":
		g.done = append(g.done, act)
		return nil
	case "stuck":
		return errors.New("the queue is full")
	}
	return fs.ErrNotExist
}

func TestAdminHandlerServesDeadLetters(t *testing.T) {
	g := &graveyard{}
	h := open(t, &ledger{}, func(o *web.Options) { o.Dead = g }).AdminHandler()
	for _, c := range []struct {
		method, path string
		code         int
		holds        string
	}{
		{http.MethodGet, "/api/v1/dead", 200, `"reason":"not a picture"`},
		{http.MethodGet, "/api/v1/dead/1", 200, `"head":"Z2FyYmFnZQ=="`},
		{http.MethodPost, "/api/v1/dead/1/replay", 204, ""},
		{http.MethodDelete, "/api/v1/dead/1", 204, ""},
		{http.MethodGet, "/api/v1/dead/2", 404, "no dead letter has the id"},
		{http.MethodPost, "/api/v1/dead/stuck/replay", 500, "replaying a dead letter: the queue is full"},
		{http.MethodGet, "/api/v1/dead/1/replay", 405, ""},
	} {
		r := send(h, c.method, c.path, nil)
		if body := r.Body.String(); r.Code != c.code || !strings.Contains(body, c.holds) {
			t.Errorf("%s %s: status %d: %s", c.method, c.path, r.Code, body)
		}
	}
	if diff := cmp.Diff([]string{"get", "replay", "drop"}, g.done); diff != "" {
		t.Error(diff)
	}
	if r := send(open(t, &ledger{}).AdminHandler(), http.MethodGet, "/api/v1/dead", nil); r.Code != http.StatusNotFound {
		t.Errorf("without dead letters: status %d", r.Code)
	}
}

func TestReadiness(t *testing.T) {
	database := error(nil)
	s := open(t, &ledger{}, func(o *web.Options) {
		o.Listen, o.Token = ":8080", secret
		o.Checks = []web.Check{
			{Name: "database", Ready: func(context.Context) error { return database }},
			{Name: "queue", Ready: func(context.Context) error { return nil }},
		}
	})
	owner := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }
	if r := get(t, s, "/readyz"); r.Code != http.StatusOK {
		t.Errorf("status %d: %s", r.Code, r.Body.String())
	}
	database = errors.New("10.0.0.7 refuses")
	r := get(t, s, "/readyz", owner)
	if got, want := r.Body.String(), `{"ready":false,"checks":{"database":"10.0.0.7 refuses","queue":"ok"}}`+"\n"; r.Code != http.StatusServiceUnavailable || got != want {
		t.Errorf("status %d: %s", r.Code, got)
	}
	if got := get(t, s, "/readyz").Body.String(); strings.Contains(got, "10.0.0.7") || !strings.Contains(got, "database") {
		t.Errorf("without a token: %s", got)
	}
	database, s = errors.New("it is away"), open(t, &ledger{}, func(o *web.Options) {
		o.Checks = []web.Check{
			{Name: "database", Degrades: true, Ready: func(context.Context) error { return database }},
			{Name: "queue", Ready: func(context.Context) error { return nil }},
		}
	})
	r = get(t, s, "/readyz")
	if got, want := r.Body.String(), `{"ready":true,"degraded":true,"checks":{"database":"it is away","queue":"ok"}}`+"\n"; r.Code != http.StatusOK || got != want {
		t.Errorf("without what it can do without: status %d: %s", r.Code, got)
	}
	if r := get(t, s, "/healthz"); r.Code != http.StatusOK {
		t.Errorf("health does not depend on the database: status %d", r.Code)
	}
}

// Beside a page that wants its token the metrics can be read without, and nothing else can; on loopback by no foreign site.
func TestMetricsAlone(t *testing.T) {
	registry := prometheus.NewRegistry()
	l := &ledger{}
	l.add(seen("pi1", 1, posture.Good))
	s := open(t, l, func(o *web.Options) {
		o.Listen, o.Token, o.Registerer, o.Gatherer = ":8080", secret, registry, registry
	})
	everywhere, near := s.MetricsHandler(":9404"), s.MetricsHandler("127.0.0.1:9404")
	if r := get(t, everywhere, "/metrics"); r.Code != http.StatusOK || !strings.Contains(r.Body.String(), "plumbline_ready{") {
		t.Errorf("the metrics: status %d: %s", r.Code, r.Body)
	}
	for _, path := range []string{"/", "/events", "/pictures/pi1/picture1.jpg", "/api/v1/results", "/api/v1/queue", "/login", "/healthz", "/readyz"} {
		if r := get(t, everywhere, path); r.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, r.Code)
		}
	}
	if r := get(t, near, "/metrics", func(r *http.Request) { r.Host = "evil.example.org" }); r.Code != http.StatusMisdirectedRequest {
		t.Errorf("a foreign site's name on loopback: status %d", r.Code)
	}
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := open(t, &ledger{}, func(o *web.Options) { o.Registerer, o.Gatherer = registry, registry })
	get(t, s, "/api/v1/results?limit=0")
	if page := get(t, s, "/metrics").Body.String(); !strings.Contains(page, `plumbline_http_requests_total{code="400",route="GET /api/v1/results"} 1`) {
		t.Errorf("metrics lack the refused request:\n%s", page)
	}
}
