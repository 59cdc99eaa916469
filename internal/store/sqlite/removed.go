package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"

	"plumbline/internal/store/row"
)

// addRemoved makes the table of capture ids whose rows were removed for their age.
func addRemoved(ctx context.Context, tx *sql.Tx) error {
	return execAll(ctx, tx, "CREATE TABLE IF NOT EXISTS posture_log_removed (capture_id TEXT PRIMARY KEY, removed_at TIMESTAMP NOT NULL) WITHOUT ROWID")
}

// old are the rows that one batch removes. It walks the table from its oldest rows on.
const old = "SELECT id FROM posture_log WHERE received_time < ?1 ORDER BY id LIMIT ?2"

// RemoveOld removes a batch of rows and notes their ids, in one transaction.
func (d *Database) RemoveOld(ctx context.Context, r row.Retention) (int, error) {
	tx, err := d.writer.BeginTx(ctx, nil)
	if err != nil {
		return 0, explain(d.path, err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before one the first error counts
	_, err = tx.ExecContext(ctx, `INSERT INTO posture_log_removed (capture_id, removed_at)
		SELECT capture_id, ?3 FROM posture_log WHERE id IN (`+old+`) AND capture_id IS NOT NULL AND (analyzed_time IS NULL OR analyzed_time >= ?4)
		ON CONFLICT (capture_id) DO UPDATE SET removed_at = excluded.removed_at`, moment(r.Before), r.Batch, moment(r.Now), moment(r.Noted))
	if err != nil {
		return 0, explain(d.path, fmt.Errorf("noting old rows: %w", err))
	}
	removed, err := tx.ExecContext(ctx, "DELETE FROM posture_log WHERE id IN ("+old+")", moment(r.Before), r.Batch)
	if err != nil {
		return 0, explain(d.path, fmt.Errorf("removing old rows: %w", err))
	}
	if err := tx.Commit(); err != nil {
		return 0, explain(d.path, fmt.Errorf("removing old rows: %w", err))
	}
	n, err := removed.RowsAffected()
	return int(n), explain(d.path, err)
}

// ForgetRemoved forgets ids that were noted before a time.
func (d *Database) ForgetRemoved(ctx context.Context, before time.Time) error {
	_, err := d.writer.ExecContext(ctx, "DELETE FROM posture_log_removed WHERE removed_at < ?", moment(before))
	return explain(d.path, err)
}

// RemovedIDs goes through the ids of rows that were removed.
func (d *Database) RemovedIDs(ctx context.Context) iter.Seq2[string, error] {
	return d.texts(ctx, "SELECT capture_id FROM posture_log_removed")
}

// Removed tells which of the captures had a row that was removed.
func (d *Database) Removed(ctx context.Context, captureIDs []string) (map[string]bool, error) {
	return d.among(ctx, "SELECT 1 FROM posture_log_removed WHERE capture_id = ?", captureIDs)
}

// CountOthers counts the rows without a capture id.
func (d *Database) CountOthers(ctx context.Context) (n int64, err error) {
	err = d.reader.QueryRowContext(ctx, "SELECT count(*) FROM posture_log WHERE capture_id IS NULL").Scan(&n)
	return n, explain(d.path, err)
}
