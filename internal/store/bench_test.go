package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"plumbline/internal/posture"
	"plumbline/internal/store"
)

// BenchmarkAppend is one transaction of so many rows.
func BenchmarkAppend(b *testing.B) {
	for name, fresh := range databases {
		for _, size := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("%s/rows=%d", name, size), func(b *testing.B) {
				s, n := open(b, fresh(b)), 0
				for b.Loop() {
					batch := make([]posture.Result, 0, size)
					for range size {
						batch = append(batch, result(n, fmt.Sprintf("pi%d", n%10)))
						n++
					}
					if _, err := s.Append(context.Background(), batch); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// aMillion fills a table: 30 devices that send all the time, and one that sent a single row long ago.
const aMillion = `INSERT INTO posture_log (pi_id, posture_status, capture_id)
SELECT CASE WHEN n = 500 THEN 'quiet' ELSE 'pi' || (n % 30) END, 'Good', 'capture' || (1000000 + n) FROM (NUMBERS) numbers`

// BenchmarkMillionRows reads from a table of a million rows.
func BenchmarkMillionRows(b *testing.B) {
	for name, fill := range map[string]struct {
		fresh   func(testing.TB) store.Options
		numbers string
	}{
		"SQLite":     {freshSQLite, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000) SELECT n FROM c"},
		"PostgreSQL": {freshPostgres, "SELECT generate_series(1, 1000000) AS n"},
	} {
		o := fill.fresh(b)
		s := open(b, o)
		execute(b, o, strings.Replace(aMillion, "NUMBERS", fill.numbers, 1)+";", "ANALYZE;")
		ctx := context.Background()
		for what, read := range map[string]func() (int, error){
			"latest":       func() (int, error) { e, err := s.Latest(ctx); return len(e) - 31, err },
			"recent":       func() (int, error) { e, err := s.Recent(ctx, store.Query{}); return len(e) - 50, err },
			"recent quiet": func() (int, error) { e, err := s.Recent(ctx, store.Query{Device: "quiet"}); return len(e) - 1, err },
			"recent deep": func() (int, error) {
				e, err := s.Recent(ctx, store.Query{Device: "pi7", BeforeID: 500_000})
				return len(e) - 50, err
			},
			"recorded": func() (int, error) {
				f, err := s.Recorded(ctx, []string{"capture1500000", "x"})
				return len(f) - 1, err
			},
		} {
			b.Run(name+"/"+what, func(b *testing.B) {
				for b.Loop() {
					if off, err := read(); off != 0 || err != nil {
						b.Fatalf("%d rows too many, %v", off, err)
					}
				}
			})
		}
	}
}
