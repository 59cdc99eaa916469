// Package sqlite keeps posture_log in a SQLite file. It is the only door to the SQLite driver.
//
// The file is in WAL mode with synchronous=FULL: a commit that returned has been synced to the disk. One connection
// writes, its transactions begin IMMEDIATE (they wait for a writer of another process at their start, never half-way);
// up to four others read and are never blocked by the writer.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"plumbline/internal/posture"
	"plumbline/internal/store/row"
)

// readers is how many connections read at the same time; a page and a few API calls need no more.
const readers = 4

// busyMilliseconds is how long a transaction waits for another process that writes the same file.
const busyMilliseconds = 10_000

// Database is an open SQLite file with an up-to-date posture_log. Its methods may be called concurrently.
type Database struct {
	path   string
	writer *sql.DB
	reader *sql.DB
}

// Open opens or makes the file and brings the table up to date; the file's folder must exist.
func Open(ctx context.Context, path string, log *slog.Logger) (*Database, error) {
	db, err := connect(path)
	if err != nil {
		return nil, err
	}
	if err := db.prepare(ctx, log); err != nil {
		return nil, errors.Join(explain(path, err), db.Close())
	}
	return db, nil
}

func connect(path string) (*Database, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding the database file: %w", err)
	}
	writer, err := sql.Open("sqlite", address(absolute, "synchronous(FULL)", "foreign_keys(1)"))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	writer.SetMaxOpenConns(1)
	reader, err := sql.Open("sqlite", address(absolute, "query_only(1)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", path, err), writer.Close())
	}
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)
	return &Database{path: path, writer: writer, reader: reader}, nil
}

// address is the driver's name for a file; any character may stand in the path.
func address(path string, pragmas ...string) string {
	query := url.Values{"_txlock": {"immediate"}}
	query.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", busyMilliseconds)) // first: the others may have to wait already
	for _, p := range pragmas {
		query.Add("_pragma", p)
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
}

func (d *Database) prepare(ctx context.Context, log *slog.Logger) error {
	file, err := os.OpenFile(d.path, os.O_RDWR|os.O_CREATE, 0o600) // before the driver does, for a clearer error and narrow rights
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	var mode string
	if err := d.writer.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
		return fmt.Errorf("switching to write-ahead logging: %w", err)
	}
	if mode != "wal" {
		return fmt.Errorf("this file system cannot do write-ahead logging (journal mode stays %q); put the data folder on a local disk", mode)
	}
	return migrate(ctx, d.writer, d.path, log)
}

var insert = "INSERT INTO posture_log (" + row.List(row.Columns(), row.Name) + ") VALUES (" +
	strings.TrimSuffix(strings.Repeat("?, ", len(row.Columns())), ", ") + ") ON CONFLICT (capture_id) DO NOTHING"

// Append writes the rows in one transaction and returns the results that were not there before.
func (d *Database) Append(ctx context.Context, results []posture.Result) ([]posture.Result, error) {
	rows, err := row.FromResults(results)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	tx, err := d.writer.BeginTx(ctx, nil)
	if err != nil {
		return nil, explain(d.path, err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before one the first error counts
	added, err := insertAll(ctx, tx, rows, results)
	if err != nil {
		return nil, explain(d.path, err)
	}
	if err := tx.Commit(); err != nil {
		return nil, explain(d.path, fmt.Errorf("committing %d rows: %w", len(rows), err))
	}
	return added, nil
}

func insertAll(ctx context.Context, tx *sql.Tx, rows []row.Row, results []posture.Result) ([]posture.Result, error) {
	statement, err := tx.PrepareContext(ctx, insert)
	if err != nil {
		return nil, fmt.Errorf("preparing the insert: %w", err)
	}
	defer statement.Close() //nolint:errcheck // the transaction's end frees it as well
	added := make([]posture.Result, 0, len(rows))
	for i := range rows {
		done, err := statement.ExecContext(ctx, values(&rows[i])...)
		if err != nil {
			return nil, refuse(rows[i].CaptureID, err)
		}
		if n, err := done.RowsAffected(); err == nil && n == 1 {
			added = append(added, results[i])
		}
	}
	return added, nil
}

// Ping tells whether the file can be read.
func (d *Database) Ping(ctx context.Context) error {
	var one int
	return explain(d.path, d.reader.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM posture_log LIMIT 1)").Scan(&one))
}

// Close ends all connections; the write-ahead log is folded into the file.
func (d *Database) Close() error {
	return errors.Join(d.reader.Close(), d.writer.Close())
}
