package postgres

import (
	"context"
	"iter"
	"time"

	"plumbline/internal/store/row"
)

// removeOld removes a batch of rows and notes their ids in one statement, which is one transaction. Two hubs that do it at
// the same time leave each other's rows alone. ctid, since a table made by hand may have an id twice.
const removeOld = `WITH gone AS (
    DELETE FROM posture_log WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM posture_log WHERE received_time::timestamp < $1::timestamp ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING capture_id::text, analyzed_time::timestamp),
noted AS (
    INSERT INTO posture_log_removed (capture_id, removed_at)
    SELECT capture_id, max($3::timestamp) FROM gone
    WHERE capture_id IS NOT NULL AND (analyzed_time IS NULL OR analyzed_time >= $4::timestamp) GROUP BY capture_id
    ON CONFLICT (capture_id) DO UPDATE SET removed_at = excluded.removed_at)
SELECT count(*) FROM gone`

// RemoveOld removes a batch of rows and notes their ids.
func (d *Database) RemoveOld(ctx context.Context, r row.Retention) (n int, err error) {
	err = d.pool.QueryRow(ctx, removeOld, moment(r.Before), r.Batch, moment(r.Now), moment(r.Noted)).Scan(&n)
	return n, d.explain(err)
}

// ForgetRemoved forgets ids that were noted before a time.
func (d *Database) ForgetRemoved(ctx context.Context, before time.Time) error {
	_, err := d.pool.Exec(ctx, "DELETE FROM posture_log_removed WHERE removed_at < $1::timestamp", moment(before))
	return d.explain(err)
}

// RemovedIDs goes through the ids of rows that were removed.
func (d *Database) RemovedIDs(ctx context.Context) iter.Seq2[string, error] {
	return d.each(ctx, "SELECT capture_id FROM posture_log_removed")
}

// Removed tells which of the captures had a row that was removed.
func (d *Database) Removed(ctx context.Context, captureIDs []string) (map[string]bool, error) {
	return d.among(ctx, "SELECT capture_id FROM posture_log_removed WHERE capture_id = ANY ($1::text[])", captureIDs)
}

// CountOthers counts the rows without a capture id.
func (d *Database) CountOthers(ctx context.Context) (n int64, err error) {
	err = d.pool.QueryRow(ctx, "SELECT count(*) FROM posture_log WHERE capture_id IS NULL").Scan(&n)
	return n, d.explain(err)
}

// moment is a time as a text: no session's time zone can shift it.
func moment(t time.Time) string { return t.UTC().Format(row.TimeLayout) }
