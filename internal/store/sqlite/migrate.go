package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"

	"github.com/pressly/goose/v3"

	"plumbline/internal/store/row"
)

// migrationsTable is where goose notes which migrations were applied.
const migrationsTable = "plumbline_migrations"

// migrate brings the table up to date, one process at a time. Migrations only add: a database that a newer Plumbline made works with an older one.
// They look before they act, so a copied file whose list of migrations was lost is no danger either.
func migrate(ctx context.Context, db *sql.DB, path string, log *slog.Logger) error {
	unlock, err := lockFile(ctx, path+".migrating")
	if err != nil {
		return err
	}
	defer unlock()
	if err := forgetOrphaned(ctx, db); err != nil {
		return fmt.Errorf("looking for posture_log: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, nil, goose.WithTableName(migrationsTable), goose.WithSlog(log),
		goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(
			migration(1, adoptTable),
			migration(2, addOurColumns),
			migration(3, addIndexes),
			migration(4, addRemoved),
		))
	if err != nil {
		return fmt.Errorf("preparing migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bringing posture_log up to date: %w", err)
	}
	return nil
}

// forgetOrphaned drops the list of migrations where somebody dropped the table: it is then made anew.
func forgetOrphaned(ctx context.Context, db *sql.DB) error {
	var n int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'posture_log'").Scan(&n); err != nil || n > 0 {
		return err
	}
	_, err := db.ExecContext(ctx, "DROP TABLE IF EXISTS "+migrationsTable)
	return err
}

func migration(version int64, up func(context.Context, *sql.Tx) error) *goose.Migration {
	return goose.NewGoMigration(version, &goose.GoFunc{RunTx: up}, nil)
}

func addOurColumns(ctx context.Context, tx *sql.Tx) error { return addMissing(ctx, tx, row.Ours) }

func addIndexes(ctx context.Context, tx *sql.Tx) error {
	return execAll(ctx, tx,
		"CREATE UNIQUE INDEX IF NOT EXISTS posture_log_capture_id ON posture_log (capture_id)",
		"CREATE INDEX IF NOT EXISTS posture_log_device ON posture_log (pi_id, id)")
}

// adoptTable makes the table, or takes over one that is there: a table whose id does not count by itself (SERIAL is no type
// that SQLite knows, it leaves id NULL), or that demands values which we may not have, is rebuilt, and what lacks of the
// original's columns is added.
func adoptTable(ctx context.Context, tx *sql.Tx) error {
	columns, err := tableColumns(ctx, tx)
	if err != nil {
		return err
	}
	switch {
	case len(columns) == 0:
		return execAll(ctx, tx, createTable("posture_log", nil))
	case !countsByItself(columns), demandsValues(columns):
		return rebuild(ctx, tx, columns)
	}
	return addMissing(ctx, tx, row.Original)
}

// createTable is the original's statement in SQLite's words, with further columns at its end.
func createTable(name string, further []string) string {
	definitions := append([]string{"id INTEGER PRIMARY KEY AUTOINCREMENT",
		row.List(row.Original, func(c row.Column) string { return c.Name + " " + c.SQLite })}, further...)
	return "CREATE TABLE " + name + " (" + strings.Join(definitions, ", ") + ")"
}

func addMissing(ctx context.Context, tx *sql.Tx, wanted []row.Column) error {
	columns, err := tableColumns(ctx, tx)
	if err != nil {
		return err
	}
	for _, c := range wanted {
		if columnNamed(columns, c.Name) != nil {
			continue
		}
		if err := execAll(ctx, tx, "ALTER TABLE posture_log ADD COLUMN "+c.Name+" "+c.SQLite); err != nil {
			return err
		}
	}
	return nil
}

func execAll(ctx context.Context, tx *sql.Tx, statements ...string) error {
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%.60s…: %w", s, err)
		}
	}
	return nil
}
