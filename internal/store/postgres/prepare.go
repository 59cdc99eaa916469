package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"plumbline/internal/store/row"
)

// prepare looks before it acts: a table that does not fit is left as it is. A role that may not change the table is enough
// where there is nothing to change.
func (d *Database) prepare(ctx context.Context, log *slog.Logger) error {
	found, mayMigrate, err := d.look(ctx)
	if err != nil {
		return err
	}
	for name, types := range found.oddTypes() {
		log.Info("a column of posture_log has another type than the original's; it is used as it is", "column", name, "type", types)
	}
	if mayMigrate {
		err = migrate(ctx, d.pool, log)
	}
	var refusal *pgconn.PgError
	switch {
	case errors.As(err, &refusal) && refusal.Code == insufficientPrivilege:
		mayMigrate = false
	case err != nil:
		return d.explain(err)
	}
	if !mayMigrate && !found.complete() {
		return fmt.Errorf("%s: %s", d.where(), d.preparation(found))
	}
	return d.checkRights(ctx)
}

// look finds out, without changing anything, what is there and why it would not do.
func (d *Database) look(ctx context.Context) (found table, mayMigrate bool, err error) {
	if mayMigrate, err = d.checkServer(ctx); err != nil {
		return found, false, d.explain(err)
	}
	if found, err = d.lookAtTable(ctx); err != nil {
		return found, false, d.explain(err)
	}
	if complaints := found.unfit(); len(complaints) > 0 {
		return found, false, fmt.Errorf("%s: %w", d.where(), unfitError(complaints))
	}
	if !mayMigrate && !found.complete() {
		return found, false, fmt.Errorf("%s: %s", d.where(), d.preparation(found))
	}
	return found, mayMigrate, nil
}

const insufficientPrivilege = "42501"

const serverState = `SELECT current_setting('transaction_read_only') = 'on', pg_is_in_recovery(),
	to_regclass('` + migrationsTable + `') IS NOT NULL OR coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)`

// checkServer refuses a standby, where every start would seem to succeed, and says whether this role can note migrations.
func (d *Database) checkServer(ctx context.Context) (mayMigrate bool, err error) {
	var readOnly, standby bool
	err = d.pool.QueryRow(ctx, serverState).Scan(&readOnly, &standby, &mayMigrate)
	switch {
	case err != nil:
		return false, fmt.Errorf("connecting: %w", err)
	case standby:
		return false, errors.New("the server is a standby, which takes no rows: name the primary (in a URL with several hosts: target_session_attrs=read-write)")
	case readOnly:
		return false, errors.New("the database is read-only for this user: look at default_transaction_read_only of server, database and user, " +
			"and at the free disk (hosting services switch a full database so)")
	}
	return mayMigrate, nil
}

const rights = `SELECT has_any_column_privilege('posture_log', 'INSERT'), has_any_column_privilege('posture_log', 'SELECT') AND has_any_column_privilege('posture_log_removed', 'SELECT'),
	coalesce((SELECT a.attidentity <> '' FROM pg_attribute a WHERE a.attrelid = to_regclass('posture_log') AND a.attname = 'id'), false)
		OR coalesce(has_sequence_privilege(pg_get_serial_sequence('posture_log', 'id'), 'USAGE'), true),
	coalesce(pg_get_serial_sequence('posture_log', 'id'), ''),
	row_security_active('posture_log') AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = to_regclass('posture_log'))`

// checkRights finds out before the first result does whether rows can be written.
func (d *Database) checkRights(ctx context.Context) error {
	var insert, read, count, hidden bool
	var sequence string
	if err := d.pool.QueryRow(ctx, rights).Scan(&insert, &read, &count, &sequence, &hidden); err != nil {
		return d.explain(fmt.Errorf("reading the rights on posture_log: %w", err))
	}
	switch {
	case !insert || !read || !count:
		return fmt.Errorf("%s: this user may not read and write posture_log. Its owner runs:\n%s", d.where(), strings.Join(grants(d.user(), sequence), "\n"))
	case hidden:
		return fmt.Errorf("%s: row level security of posture_log lets this user neither read nor write. Its owner runs:\n"+
			"CREATE POLICY plumbline ON posture_log TO %s USING (true) WITH CHECK (true);", d.where(), d.user())
	}
	return nil
}

func (d *Database) user() string { return pgx.Identifier{d.pool.Config().ConnConfig.User}.Sanitize() }

// preparation is what somebody with more rights runs, once, in place of our migrations. All of it may be run again.
func (d *Database) preparation(found table) string {
	statements := append([]string{"GRANT USAGE ON SCHEMA public TO " + d.user() + ";"}, definition(found)...)
	statements = append(statements, grants(d.user(), found.sequence)...)
	if found.sequence == "" { // a new one has another name where a table that was renamed kept the usual one
		statements = append(statements, "DO $$ BEGIN EXECUTE format('GRANT USAGE ON SEQUENCE %s TO "+strings.ReplaceAll(d.user(), "'", "''")+
			"', pg_get_serial_sequence('posture_log', 'id')); END $$;")
	}
	return "this user may not make or change the table posture_log. Its owner or an administrator runs this once, in database " +
		pgx.Identifier{d.pool.Config().ConnConfig.Database}.Sanitize() + ", and then Plumbline starts:\n\n" + strings.Join(statements, "\n") + "\n"
}

// definition makes the table, or adds to one that is there what it lacks.
func definition(found table) []string {
	var columns []string
	for _, c := range row.Columns() {
		if _, there := found.columns[c.Name]; !there {
			columns = append(columns, c.Name+" "+definedType(c))
		}
	}
	var statements []string
	id, hasID := found.columns["id"]
	switch {
	case !found.exists:
		statements = append(statements, "CREATE TABLE IF NOT EXISTS posture_log (id SERIAL PRIMARY KEY,\n  "+strings.Join(columns, ",\n  ")+");")
		columns = nil
	case !hasID:
		statements = append(statements, "ALTER TABLE posture_log ADD COLUMN IF NOT EXISTS id SERIAL;")
	case !id.preset:
		statements = append(statements, "CREATE SEQUENCE IF NOT EXISTS posture_log_id_seq OWNED BY posture_log.id;",
			"SELECT setval('posture_log_id_seq', (SELECT coalesce(max(id), 0) + 1 FROM posture_log), false);",
			"ALTER TABLE posture_log ALTER COLUMN id SET DEFAULT nextval('posture_log_id_seq');")
	}
	if len(columns) > 0 {
		statements = append(statements, "ALTER TABLE posture_log\n  ADD COLUMN IF NOT EXISTS "+strings.Join(columns, ",\n  ADD COLUMN IF NOT EXISTS ")+";")
	}
	return append(statements,
		"CREATE UNIQUE INDEX IF NOT EXISTS posture_log_capture_id ON posture_log (capture_id);",
		"CREATE INDEX IF NOT EXISTS posture_log_device ON posture_log (pi_id, id);",
		`CREATE TABLE IF NOT EXISTS posture_log_removed (capture_id text COLLATE "C" PRIMARY KEY, removed_at timestamp NOT NULL);`)
}

func definedType(c row.Column) string {
	if c.Name == "capture_id" {
		return `text COLLATE "C"` // as in the migration: sorts by time of receipt
	}
	return c.Postgres
}

// grants are all the rights that a hub needs once the table is as it should be.
func grants(user, sequence string) []string {
	statements := []string{
		"GRANT SELECT, INSERT ON posture_log TO " + user + "; -- and UPDATE, DELETE for --rows-max-age",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON posture_log_removed TO " + user + ";",
	}
	if sequence != "" {
		statements = append(statements, "GRANT USAGE ON SEQUENCE "+sequence+" TO "+user+";")
	}
	return statements
}
