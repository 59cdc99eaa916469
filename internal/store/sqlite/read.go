package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"plumbline/internal/store/row"
)

// selection reads the columns as row.Scan wants them. SQLite lets any type stand in any column, and the driver makes times
// of some texts: the casts say which type is wanted.
var selection = "SELECT id, " + row.List(row.Columns(), func(c row.Column) string {
	switch c.SQLite {
	case "TIMESTAMP":
		return "CAST(" + c.Name + " AS TEXT)"
	case "BOOLEAN":
		return "CAST(" + c.Name + " AS INTEGER) <> 0"
	case "INTEGER":
		if c.Name == "width" || c.Name == "height" {
			return "CAST(" + c.Name + " AS INTEGER)"
		}
		return "CAST(" + c.Name + " AS REAL)"
	}
	return "CAST(" + c.Name + " AS " + c.SQLite + ")"
}) + " FROM posture_log "

// latest walks the index on (pi_id, id) from device to device. Workers finish out of order and a dead letter may be replayed
// late, so a device's newest capture is looked for among its last 32 rows; capture ids sort by time of receipt.
const latest = `WITH RECURSIVE device(name) AS (
    SELECT min(pi_id) FROM posture_log
    UNION ALL
    SELECT (SELECT min(pi_id) FROM posture_log WHERE pi_id > device.name) FROM device WHERE device.name IS NOT NULL)
SELECT (SELECT id FROM (SELECT id, capture_id FROM posture_log WHERE pi_id = device.name ORDER BY id DESC LIMIT 32)
        ORDER BY capture_id DESC, id DESC LIMIT 1)
FROM device WHERE device.name IS NOT NULL`

const latestIn = "WHERE id IN (" + latest + ") ORDER BY pi_id"

// Latest returns every device's newest row, by device name.
func (d *Database) Latest(ctx context.Context) ([]row.Entry, error) {
	return d.entries(ctx, selection+latestIn)
}

// Recent returns rows, newest id first.
func (d *Database) Recent(ctx context.Context, q row.Query) ([]row.Entry, error) {
	return d.entries(ctx, selection+recentOf(q.Device), q.Before(), q.Bounded(), q.Device)
}

// recentOf takes an id, a limit and a device, which may be any.
func recentOf(device string) string {
	if device == "" {
		return "WHERE id < ?1 AND ?3 = '' ORDER BY id DESC LIMIT ?2"
	}
	return "WHERE id < ?1 AND pi_id = ?3 ORDER BY id DESC LIMIT ?2"
}

func (d *Database) entries(ctx context.Context, query string, args ...any) ([]row.Entry, error) {
	rows, err := d.reader.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, explain(d.path, err)
	}
	defer rows.Close() //nolint:errcheck // Err below reports what matters
	var entries []row.Entry
	for rows.Next() {
		e, err := row.Scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, explain(d.path, rows.Err())
}

// CountByDevice counts rows; it reads the whole index.
func (d *Database) CountByDevice(ctx context.Context) (map[string]int64, error) {
	rows, err := d.reader.QueryContext(ctx, "SELECT coalesce(pi_id, ''), count(*) FROM posture_log GROUP BY 1")
	if err != nil {
		return nil, explain(d.path, err)
	}
	defer rows.Close() //nolint:errcheck // Err below reports what matters
	counts := map[string]int64{}
	for rows.Next() {
		var device string
		var n int64
		if err := rows.Scan(&device, &n); err != nil {
			return nil, fmt.Errorf("counting rows: %w", err)
		}
		counts[device] += n
	}
	return counts, explain(d.path, rows.Err())
}

// Recorded tells which of the captures have a row.
func (d *Database) Recorded(ctx context.Context, captureIDs []string) (map[string]bool, error) {
	return d.among(ctx, "SELECT 1 FROM posture_log WHERE capture_id = ?", captureIDs)
}

// among asks a query for each of the ids.
func (d *Database) among(ctx context.Context, query string, captureIDs []string) (map[string]bool, error) {
	statement, err := d.reader.PrepareContext(ctx, query)
	if err != nil {
		return nil, explain(d.path, err)
	}
	defer statement.Close() //nolint:errcheck // nothing is lost with it
	found := map[string]bool{}
	for _, id := range captureIDs {
		var one int
		switch err := statement.QueryRowContext(ctx, id).Scan(&one); err {
		case nil:
			found[id] = true
		case sql.ErrNoRows:
		default:
			return nil, explain(d.path, err)
		}
	}
	return found, nil
}

// CaptureIDs goes through the ids of all recorded captures, in order; rows of the original have none.
func (d *Database) CaptureIDs(ctx context.Context) iter.Seq2[string, error] {
	return d.texts(ctx, "SELECT capture_id FROM posture_log WHERE capture_id IS NOT NULL ORDER BY capture_id")
}

// texts goes through the rows of a query of one text column.
func (d *Database) texts(ctx context.Context, query string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		rows, err := d.reader.QueryContext(ctx, query)
		if err != nil {
			yield("", explain(d.path, err))
			return
		}
		defer rows.Close() //nolint:errcheck // Err below reports what matters
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); !yield(id, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield("", explain(d.path, err))
		}
	}
}
