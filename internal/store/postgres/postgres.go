// Package postgres keeps posture_log in PostgreSQL. It is the only door to the driver pgx.
//
// Transaction poolers (Supabase's port 6543, PgBouncer) give every transaction another server connection, so nothing may be
// left on one: no named prepared statement (pgx's default), no session lock, no SET. Every statement here is therefore sent
// unnamed (pgx.QueryExecModeExec) to every server: there is nothing to detect and nothing to configure, and since a
// batch is one statement with one JSON parameter, planning it anew costs well under a millisecond. Who needs another mode
// writes default_query_exec_mode=simple_protocol into the URL.
package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"plumbline/internal/posture"
	"plumbline/internal/store/row"
)

// Database is a PostgreSQL database with an up-to-date posture_log. Its methods may be called concurrently.
type Database struct {
	pool *pgxpool.Pool
}

// Open connects and brings the table up to date.
func Open(ctx context.Context, url string, log *slog.Logger) (*Database, error) {
	config, err := Config(url)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("preparing PostgreSQL connections: %w", err)
	}
	d := &Database{pool: pool}
	if err := d.prepare(ctx, log); err != nil {
		pool.Close()
		return nil, err
	}
	return d, nil
}

// insert writes a batch: its one parameter is a JSON array of rows, of which it returns the capture ids that are new.
var insert = "INSERT INTO posture_log (" + row.List(row.Columns(), row.Name) + ") SELECT " + row.List(row.Columns(), row.Name) +
	" FROM ROWS FROM (json_to_recordset($1::json) AS (" +
	row.List(row.Columns(), func(c row.Column) string { return c.Name + " " + c.Postgres }) +
	")) WITH ORDINALITY ORDER BY ordinality ON CONFLICT (capture_id) DO NOTHING RETURNING capture_id"

// Append writes the results in one statement, which is one transaction, and returns those that were not there before.
func (d *Database) Append(ctx context.Context, results []posture.Result) ([]posture.Result, error) {
	rows, err := row.FromResults(results)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	batch, err := json.Marshal(rows)
	if err != nil {
		return nil, fmt.Errorf("encoding %d rows: %w", len(rows), err)
	}
	added, err := d.texts(ctx, insert, string(batch))
	if err != nil {
		return nil, d.refuse(results, err)
	}
	return resultsNamed(added, results), nil
}

// resultsNamed are the results with these ids, each once, in their own order.
func resultsNamed(ids []string, results []posture.Result) []posture.Result {
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	named := make([]posture.Result, 0, len(ids))
	for _, r := range results {
		if wanted[r.CaptureID] {
			named = append(named, r)
			delete(wanted, r.CaptureID)
		}
	}
	return named
}

// texts runs a query of one text column.
func (d *Database) texts(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := d.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Ping tells whether the server answers and the table can be read.
func (d *Database) Ping(ctx context.Context) error {
	var n int
	return d.explain(d.pool.QueryRow(ctx, "SELECT count(*) FROM (SELECT 1 FROM posture_log LIMIT 1) one").Scan(&n))
}

// Close ends all connections.
func (d *Database) Close() error {
	d.pool.Close()
	return nil
}
