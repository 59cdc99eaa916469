package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"plumbline/internal/store"
)

// TestPostgresReadsByIndex: no page of the dashboard may read the whole table. PostgreSQL itself counts how its table was read.
func TestPostgresReadsByIndex(t *testing.T) {
	o := freshPostgres(t)
	open(t, o)
	const numbers = "SELECT generate_series(1, 20000) AS n"
	execute(t, o, strings.Replace(aMillion, "NUMBERS", numbers, 1)+"; ANALYZE posture_log; SELECT pg_stat_reset();")
	s, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for what, read := range map[string]func() error{
		"latest":   func() error { _, err := s.Latest(ctx); return err },
		"recent":   func() error { _, err := s.Recent(ctx, store.Query{}); return err },
		"device":   func() error { _, err := s.Recent(ctx, store.Query{Device: "quiet"}); return err },
		"deep":     func() error { _, err := s.Recent(ctx, store.Query{Device: "pi7", BeforeID: 10_000}); return err },
		"recorded": func() error { _, err := s.Recorded(ctx, []string{"capture1000500", "x"}); return err },
	} {
		if err := read(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	s.Close() // its sessions report what they did when they end
	deadline := time.Now().Add(30 * time.Second)
	for {
		var whole, byIndex int
		counted := query(t, o, "SELECT seq_scan || ' ' || idx_scan FROM pg_stat_user_tables WHERE relname = 'posture_log'")
		if _, err := fmt.Sscan(counted, &whole, &byIndex); err != nil {
			t.Fatal(err)
		}
		if whole > 0 {
			t.Fatalf("the whole table was read %d times", whole)
		}
		if byIndex >= 5 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("PostgreSQL counted %d reads by index only", byIndex)
		}
	}
}
