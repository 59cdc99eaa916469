package postgres

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationsTable is where goose notes which migrations were applied.
const migrationsTable = "plumbline_migrations"

// lockNumber names our advisory lock: "plumb" in ASCII.
const lockNumber = 0x706c756d62

// migrate brings the table up to date, one process at a time. Migrations only add: a database that a newer Plumbline made
// works with an older one.
func migrate(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) error {
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close() //nolint:errcheck // it only borrows the pool's connections
	unlock, err := lock(ctx, db)
	if err != nil {
		return err
	}
	defer unlock()
	if err := forgetOrphaned(ctx, db); err != nil {
		return fmt.Errorf("looking for posture_log: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("reading the embedded migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(migrationsTable), goose.WithSlog(log),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("preparing migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bringing posture_log up to date: %w", err)
	}
	return nil
}

// lockPause is how long to wait before asking for the lock again.
const lockPause = 100 * time.Millisecond

// lock waits until no other process migrates. The advisory lock is bound to a transaction that stays open meanwhile, not to
// the session: behind a transaction pooler the next statement of a session may run on another connection. Who waits
// keeps no transaction open, so that many who start at once leave the pooler a connection for the one who migrates.
func lock(ctx context.Context, db *sql.DB) (unlock func(), err error) {
	for {
		if unlock, err := tryLock(ctx, db); unlock != nil || err != nil {
			return unlock, err
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for another process that migrates the database: %w", ctx.Err())
		}
	}
}

// tryLock gives nil, nil where another process has the lock.
func tryLock(ctx context.Context, db *sql.DB) (unlock func(), err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	unlock = func() { tx.Rollback() } //nolint:errcheck // nothing was written; a lost connection has unlocked already
	var ours bool
	if err := tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock($1)", int64(lockNumber)).Scan(&ours); err != nil {
		unlock()
		return nil, fmt.Errorf("asking for the lock of migrations: %w", err)
	}
	if !ours {
		unlock()
		return nil, nil //nolint:nilnil // the loop above asks again
	}
	return unlock, nil
}

// forgetOrphaned drops the list of migrations where somebody dropped the table: it is then made anew.
func forgetOrphaned(ctx context.Context, db *sql.DB) error {
	var there bool
	if err := db.QueryRowContext(ctx, "SELECT to_regclass('posture_log') IS NOT NULL").Scan(&there); err != nil || there {
		return err
	}
	_, err := db.ExecContext(ctx, "DROP TABLE IF EXISTS "+migrationsTable)
	return err
}
