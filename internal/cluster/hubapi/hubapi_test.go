package hubapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/hubapi"
)

const answer = `{"waiting":12,"leased":1,"dead":2,"oldest_waiting_at":"2026-03-01T12:00:00Z",
	"workers":[{"name":"pod-1","node":"gpu-1","since":"2026-03-01T11:00:00Z","claimed":true,"in_hand":["01K"],"heard_at":"2026-03-01T12:00:01Z"}]}`

// hub answers with the text, counts, and takes the token where there is one.
func hub(t *testing.T, token, text string) (address string, asked *int) {
	asked = new(int)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked++
		switch {
		case token != "" && r.Header.Get("Authorization") != "Bearer "+token:
			w.WriteHeader(http.StatusUnauthorized)
		case r.Method == http.MethodGet && r.URL.Path == "/api/v1/queue":
			fmt.Fprint(w, text)
		case r.Method == http.MethodPost && r.URL.Path == "/api/v1/workers/pod-1/leave":
			w.WriteHeader(http.StatusAccepted)
		case r.Method == http.MethodPost && r.URL.Path == "/api/v1/workers/broken/leave":
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"error":"the server could not do this"}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":"no worker of the name"}`)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func client(t *testing.T, o hubapi.Options) *hubapi.Client {
	t.Helper()
	c, err := hubapi.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBacklogIsRead(t *testing.T) {
	const token = "a token of enough letters"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address, _ := hub(t, token, answer)
	got, err := client(t, hubapi.Options{URLs: []string{address + "/"}, TokenFile: file}).Queue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	want := hubapi.Queue{Waiting: 12, Leased: 1, Dead: 2, Oldest: noon, Workers: []hubapi.Worker{
		{Name: "pod-1", Node: "gpu-1", Since: noon.Add(-time.Hour), Claimed: true, InHand: []string{"01K"}, Heard: noon.Add(time.Second)},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, err = client(t, hubapi.Options{URLs: []string{address}}).Queue(t.Context())
	if err == nil || !strings.Contains(err.Error(), "--http-token-file") {
		t.Errorf("without a token: %v", err)
	}
}

// Of several hubs the one that answers is asked, and it is asked first the next time.
func TestAnotherHubIsAsked(t *testing.T) {
	good, asked := hub(t, "", answer)
	released := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-released }))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(released) })
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	c := client(t, hubapi.Options{URLs: []string{slow.URL, gone.URL, good}, Timeout: 100 * time.Millisecond})
	began := time.Now()
	for range 20 {
		if q, err := c.Queue(t.Context()); err != nil || q.Waiting != 12 {
			t.Fatal(q, err)
		}
	}
	if took := time.Since(began); *asked != 20 || took > 1500*time.Millisecond {
		t.Errorf("asked %d times in %s: the slow one is asked again and again", *asked, took)
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	page, _ := hub(t, "", "<html>")
	other, _ := hub(t, "", `{"queue":[]}`)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for says, address := range map[string]string{"refused": gone.URL, "plumbline serve?": page, "is it an address of": other} {
		c := client(t, hubapi.Options{URLs: []string{address}})
		if q, err := c.Queue(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %+v, %v; want %q", address, q, err, says)
		}
	}
	for _, address := range []string{"hub:8080", "ftp://hub", "http://", "http://user:secret@hub"} {
		if _, err := hubapi.New(hubapi.Options{URLs: []string{address}}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestWorkerIsAskedToLeave(t *testing.T) {
	address, _ := hub(t, "", answer)
	c := client(t, hubapi.Options{URLs: []string{address}})
	if err := c.AskToLeave(t.Context(), "pod-1"); err != nil {
		t.Error(err)
	}
	if err := c.AskToLeave(t.Context(), "pod/2"); !errors.Is(err, hubapi.ErrNoSuchWorker) {
		t.Errorf("nobody of that name: %v", err)
	}
	if err := c.AskToLeave(t.Context(), "broken"); err == nil || !strings.Contains(err.Error(), "could not do this") {
		t.Errorf("a hub that can't: %v", err)
	}
}
