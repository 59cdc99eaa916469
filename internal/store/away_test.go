package store_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline/internal/posture"
	"plumbline/internal/store"
	"plumbline/internal/testkit/postgres"
)

// log is what a store says, safe to read while it goes on.
type log struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

func patient(o store.Options) (store.Options, *log) {
	said := &log{}
	o.Patient, o.Log = true, slog.New(slog.NewTextHandler(said, nil))
	return o, said
}

func awaitOpened(t *testing.T, s *store.Store) {
	t.Helper()
	select {
	case <-s.Opened():
	case <-time.After(30 * time.Second):
		t.Fatal("the database was not reached")
	}
}

// TestPatientOpen: a store of a PostgreSQL that is away says why at every call, logs it once, and works when the server comes; the table
// is made then.
func TestPatientOpen(t *testing.T) {
	server := postgres.ForTest(t, postgres.Options{})
	name := server.NewDatabase(t)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	o, said := patient(store.Options{URL: server.URL(name)})
	s := open(t, o)
	_, err := s.Append(t.Context(), []posture.Result{result(1, "pi1")})
	for _, err := range []error{err, s.Ping(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "not been reached yet") || !strings.Contains(err.Error(), "is the server running") {
			t.Errorf("got %v, want the reason", err)
		}
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	awaitOpened(t, s)
	appendAll(t, s, result(1, "pi1"))
	if got := strings.Count(said.String(), "results wait in the queue"); got != 1 || !strings.Contains(said.String(), "has been reached") || strings.Contains(said.String(), "p%40ss") {
		t.Errorf("the log says %d times that results wait: %s", got, said)
	}
}

// TestPatientOpenRefusesMistakes: what no waiting mends ends the start.
func TestPatientOpenRefusesMistakes(t *testing.T) {
	o := freshPostgres(t)
	for name, test := range map[string]struct {
		url  string
		want string
	}{
		"password": {changed(t, o.URL, func(u *url.URL) { u.User = url.UserPassword(postgres.User, "hidden") }), "check user and password"},
		"database": {changed(t, o.URL, func(u *url.URL) { u.Path = "/nowhere" }), "CREATE DATABASE"},
		"TLS":      {changed(t, o.URL, func(u *url.URL) { u.RawQuery = "sslmode=require" }), "sslmode=disable"},
		"URL":      {"postgres://%zz", "cannot be read"},
	} {
		p, said := patient(store.Options{URL: test.url})
		if s, err := store.Open(t.Context(), p); err == nil {
			s.Close()
			t.Errorf("%s: opened", name)
		} else if !strings.Contains(err.Error(), test.want) || said.String() != "" {
			t.Errorf("%s: %v; log %q", name, err, said)
		}
	}
}

// TestPatientOpenOutlastsASilentServer: a server that takes connections and says nothing must not hold up the start.
func TestPatientOpenOutlastsASilentServer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	o, said := patient(store.Options{URL: "postgres://u:p@" + silent.Addr().String() + "/d?sslmode=disable", Patience: 50 * time.Millisecond})
	s := open(t, o)
	if _, err := s.Latest(t.Context()); err == nil || !strings.Contains(err.Error(), "no answer so far") {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(said.String(), "no answer so far") {
		t.Errorf("the log says %q", said)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o.Patience = time.Minute
	if _, err := store.Open(ctx, o); err == nil {
		t.Error("a start that was ended goes on")
	}
}

// TestMistakeAfterTheStartIsMended: what turns out wrong only when the server comes stops nothing either.
func TestMistakeAfterTheStartIsMended(t *testing.T) {
	server := postgres.ForTest(t, postgres.Options{})
	name := server.NewDatabase(t)
	server.SQL(t, name, strings.Replace(originalTable, "received_time TIMESTAMP", "received_time TEXT", 1))
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	o, said := patient(store.Options{URL: server.URL(name)})
	s := open(t, o)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(said.String(), "received_time is text"); {
		if time.Now().After(deadline) {
			t.Fatalf("the log says only %s", said)
		}
		<-time.After(20 * time.Millisecond)
	}
	server.SQL(t, name, "DROP TABLE posture_log")
	awaitOpened(t, s)
	appendAll(t, s, result(1, "pi1"))
}
