package postgres

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"

	"plumbline/internal/store/row"
)

// selection reads the columns as row.Scan wants them; the casts take the types that a table made by hand may have.
var selection = "SELECT id::bigint, " + row.List(row.Columns(), func(c row.Column) string {
	switch {
	case c.Postgres == "json":
		return c.Name + "::text"
	case c.Name == "neck_angle" || c.Name == "body_angle":
		return c.Name + "::double precision"
	}
	return c.Name + "::" + c.Postgres
}) + " FROM posture_log "

// latest walks the index on (pi_id, id) from device to device. Workers finish out of order and a dead letter may be replayed
// late, so a device's newest capture is looked for among its last 32 rows; capture ids sort by time of receipt.
const latest = `WITH RECURSIVE device(name) AS (
    (SELECT pi_id FROM posture_log WHERE pi_id IS NOT NULL ORDER BY pi_id LIMIT 1)
    UNION ALL
    SELECT (SELECT pi_id FROM posture_log WHERE pi_id > device.name ORDER BY pi_id LIMIT 1) FROM device WHERE device.name IS NOT NULL)
SELECT (SELECT id FROM (SELECT id, capture_id FROM posture_log WHERE pi_id = device.name ORDER BY id DESC LIMIT 32) recent
        ORDER BY capture_id DESC NULLS LAST, id DESC LIMIT 1)
FROM device WHERE device.name IS NOT NULL`

// Latest returns every device's newest row, by device name.
func (d *Database) Latest(ctx context.Context) ([]row.Entry, error) {
	return d.entries(ctx, selection+"WHERE id = ANY (ARRAY ("+latest+`)) ORDER BY pi_id COLLATE "C"`)
}

// Recent returns rows, newest id first.
func (d *Database) Recent(ctx context.Context, q row.Query) ([]row.Entry, error) {
	where, args := "WHERE id < $1::bigint", []any{q.Before(), q.Bounded()}
	if q.Device != "" {
		where, args = where+" AND pi_id = $3", append(args, q.Device)
	}
	// posture_log.id, for a bare id would be the cast one of the selection, which no index knows
	return d.entries(ctx, selection+where+" ORDER BY posture_log.id DESC LIMIT $2", args...)
}

func (d *Database) entries(ctx context.Context, query string, args ...any) ([]row.Entry, error) {
	rows, err := d.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, d.explain(err)
	}
	entries, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (row.Entry, error) { return row.Scan(r.Scan) })
	return entries, d.explain(err)
}

// CountByDevice counts rows; it reads the whole index.
func (d *Database) CountByDevice(ctx context.Context) (map[string]int64, error) {
	rows, err := d.pool.Query(ctx, "SELECT coalesce(pi_id, ''), count(*) FROM posture_log GROUP BY 1")
	if err != nil {
		return nil, d.explain(err)
	}
	counts := map[string]int64{}
	var device string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&device, &n}, func() error {
		counts[device] = n
		return nil
	})
	return counts, d.explain(err)
}

// Recorded tells which of the captures have a row.
func (d *Database) Recorded(ctx context.Context, captureIDs []string) (map[string]bool, error) {
	return d.among(ctx, "SELECT capture_id FROM posture_log WHERE capture_id = ANY ($1::text[])", captureIDs)
}

// among runs a query for those of the ids that it knows.
func (d *Database) among(ctx context.Context, query string, captureIDs []string) (map[string]bool, error) {
	if len(captureIDs) == 0 {
		return map[string]bool{}, nil
	}
	ids, err := d.texts(ctx, query, captureIDs)
	if err != nil {
		return nil, d.explain(err)
	}
	found := make(map[string]bool, len(ids))
	for _, id := range ids {
		found[id] = true
	}
	return found, nil
}

// CaptureIDs goes through the ids of all recorded captures, in order; rows of the original have none.
func (d *Database) CaptureIDs(ctx context.Context) iter.Seq2[string, error] {
	return d.each(ctx, "SELECT capture_id FROM posture_log WHERE capture_id IS NOT NULL ORDER BY capture_id")
}

// each goes through the rows of a query of one text column.
func (d *Database) each(ctx context.Context, query string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		rows, err := d.pool.Query(ctx, query)
		if err != nil {
			yield("", d.explain(err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); !yield(id, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield("", d.explain(err))
		}
	}
}
