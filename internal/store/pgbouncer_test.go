package store_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline/internal/posture"
	"plumbline/internal/store"
	"plumbline/internal/testkit/pgbouncer"
	"plumbline/internal/testkit/postgres"
)

// TestNarrowPooler: as many as like may start at once behind a pooler with the two connections that a migration needs. Who waits
// for the lock of migrations holds none of them.
func TestNarrowPooler(t *testing.T) {
	narrow := pgbouncer.ForTest(t, server, pgbouncer.Options{PoolSize: 2})
	o := store.Options{URL: narrow.URL(server.NewDatabase(t))}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var together sync.WaitGroup
	for n := range 6 {
		together.Go(func() {
			s, err := store.Open(ctx, o)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if _, err := s.Append(ctx, []posture.Result{result(n, "pi1")}); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	if got := all(t, open(t, o)); len(got) != 6 {
		t.Errorf("%d rows, want each opener's one", len(got))
	}
}

// TestPgBouncerStartsAgain: connections that a pooler's end broke are replaced, and no batch is there half or twice.
func TestPgBouncerStartsAgain(t *testing.T) {
	pooler := pgbouncer.ForTest(t, server, pgbouncer.Options{})
	s := open(t, store.Options{URL: pooler.URL(server.NewDatabase(t))})
	const batches, size = 30, 20
	for b := range batches {
		if b%10 == 5 {
			if err := pooler.Kill(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Append(t.Context(), []posture.Result{result(b*size, "pi0")}); err == nil || !strings.Contains(err.Error(), pooler.Address()) {
				t.Errorf("without its pooler: %v, want an error that names it", err)
			}
			if err := pooler.Start(); err != nil {
				t.Fatal(err)
			}
		}
		var batch []posture.Result
		for n := range size {
			batch = append(batch, result(b*size+n, fmt.Sprintf("pi%d", n%5)))
		}
		added, err := s.Append(t.Context(), batch)
		for try := 0; err != nil && try < 5; try++ { // as the recorder does; a pool holds four connections that may be broken
			added, err = s.Append(t.Context(), batch)
		}
		if err != nil || len(added) != size {
			t.Fatalf("batch %d: %d rows were new, %v", b, len(added), err)
		}
	}
	if got := all(t, s); len(got) != batches*size {
		t.Errorf("%d rows, want %d", len(got), batches*size)
	}
}

// TestErrorsThroughPgBouncer: its own words differ from PostgreSQL's, the advice does not.
func TestErrorsThroughPgBouncer(t *testing.T) {
	for what, test := range map[string]struct {
		change func(*url.URL)
		want   string
	}{
		"wrong password": {func(u *url.URL) { u.User = url.UserPassword(postgres.User, "hidden") }, "check user and password"},
		"unknown user":   {func(u *url.URL) { u.User = url.UserPassword("nobody", "hidden") }, "check user and password"},
		"no database":    {func(u *url.URL) { u.Path = "/nowhere" }, "CREATE DATABASE"},
		"a setting":      {func(u *url.URL) { u.RawQuery += "&lock_timeout=1s" }, "ignore_startup_parameters"},
	} {
		t.Run(what, func(t *testing.T) {
			said := refusal(t, store.Options{URL: changed(t, freshBounced(t).URL, test.change), Patient: true})
			if !strings.Contains(said, test.want) {
				t.Errorf("got %q, want it to say %q", said, test.want)
			}
		})
	}
}
