package web_test

import (
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"plumbline/internal/web"
)

// crew is one worker, called pod-1, and notes who was asked to leave.
type crew struct{ asked []string }

func (c *crew) Workers() []web.Worker {
	return []web.Worker{{Name: "pod-1", Node: "gpu-1", Since: noon, Claimed: true, InHand: []string{"01JP"}, Heard: noon}}
}

func (c *crew) AskToLeave(name string) error {
	switch name {
	case "pod-1":
		c.asked = append(c.asked, name)
		return nil
	case "broken":
		return errors.New("10.0.0.1 is away")
	}
	return fs.ErrNotExist
}

func TestQueueShowsWhoWorks(t *testing.T) {
	s := open(t, &ledger{}, func(o *web.Options) { o.Workers = &crew{} })
	want := `"workers":[{"name":"pod-1","node":"gpu-1","since":"2026-03-14T12:00:00Z","claimed":true,"in_hand":["01JP"],"heard_at":"2026-03-14T12:00:00Z"}]`
	if got := get(t, s, "/api/v1/queue").Body.String(); !strings.Contains(got, want) {
		t.Errorf("%s, want %s in it", got, want)
	}
}

func TestWorkerIsAskedToLeave(t *testing.T) {
	const token = "a token of enough letters"
	from := func(header, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(header, value) }
	}
	bearer := from("Authorization", "Bearer "+token)
	for name, c := range map[string]struct {
		worker  string
		options func(*web.Options)
		request func(*http.Request)
		code    int
		says    string
	}{
		"on loopback":                 {worker: "pod-1", code: http.StatusAccepted},
		"nobody of that name":         {worker: "pod-2", code: http.StatusNotFound, says: "pod-2"},
		"not possible":                {worker: "broken", code: http.StatusInternalServerError, says: "its log says why"},
		"another site":                {worker: "pod-1", request: from("Sec-Fetch-Site", "cross-site"), code: http.StatusForbidden, says: "another site"},
		"another site, older browser": {worker: "pod-1", request: from("Origin", "https://evil.example"), code: http.StatusForbidden, says: "another site"},
		"anonymous": {worker: "pod-1", code: http.StatusForbidden, says: "--http-token-file",
			options: func(o *web.Options) { o.Listen, o.Anonymous = "0.0.0.0:8080", true }},
		"without the token": {worker: "pod-1", code: http.StatusUnauthorized, says: "Bearer",
			options: func(o *web.Options) { o.Listen, o.Token = "0.0.0.0:8080", token }},
		"with the token": {worker: "pod-1", request: bearer, code: http.StatusAccepted,
			options: func(o *web.Options) { o.Listen, o.Token = "0.0.0.0:8080", token }},
	} {
		t.Run(name, func(t *testing.T) {
			all := &crew{}
			options, request := c.options, c.request
			if options == nil {
				options = func(*web.Options) {}
			}
			if request == nil {
				request = func(*http.Request) {}
			}
			s := open(t, &ledger{}, func(o *web.Options) { o.Workers = all; options(o) })
			r := send(s, http.MethodPost, "/api/v1/workers/"+c.worker+"/leave", nil, request)
			if r.Code != c.code || !strings.Contains(r.Body.String(), c.says) {
				t.Errorf("%d %s, want %d and %q", r.Code, r.Body, c.code, c.says)
			}
			if asked := len(all.asked) == 1; asked != (c.code == http.StatusAccepted) {
				t.Errorf("asked: %v", all.asked)
			}
		})
	}
}
