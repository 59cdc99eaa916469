package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"plumbline/internal/store/row"
)

// column is one column of an existing table, as PRAGMA table_info tells it.
type column struct {
	name, kind string
	preset     sql.NullString // its DEFAULT
	key        int            // its place in the primary key, 0 for none
	required   bool           // NOT NULL
}

func tableColumns(ctx context.Context, tx *sql.Tx) ([]column, error) {
	rows, err := tx.QueryContext(ctx, "SELECT name, type, dflt_value, pk, \"notnull\" FROM pragma_table_info('posture_log')")
	if err != nil {
		return nil, fmt.Errorf("reading the table's columns: %w", err)
	}
	defer rows.Close() //nolint:errcheck // Err below reports what matters
	var columns []column
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.name, &c.kind, &c.preset, &c.key, &c.required); err != nil {
			return nil, fmt.Errorf("reading the table's columns: %w", err)
		}
		columns = append(columns, c)
	}
	return columns, rows.Err()
}

func columnNamed(columns []column, name string) *column {
	for i := range columns {
		if strings.EqualFold(columns[i].name, name) {
			return &columns[i]
		}
	}
	return nil
}

// countsByItself tells whether id is SQLite's row number, which every INSERT sets: only "INTEGER PRIMARY KEY" is.
func countsByItself(columns []column) bool {
	id, keys := columnNamed(columns, "id"), 0
	for _, c := range columns {
		if c.key > 0 {
			keys++
		}
	}
	return id != nil && keys == 1 && id.key == 1 && strings.EqualFold(id.kind, "INTEGER")
}

// demandsValues tells whether a column must not be NULL that some rows of ours leave so: one that we do not know and that has no
// default, or an angle, where nobody was found.
func demandsValues(columns []column) bool {
	return slices.ContainsFunc(columns, func(c column) bool {
		known := slices.ContainsFunc(row.Columns(), func(k row.Column) bool { return strings.EqualFold(k.Name, c.name) })
		return c.required && c.key == 0 && (known && !row.Filled(c.name) || !known && !c.preset.Valid)
	})
}

// rebuild makes the table anew with a counting id and copies every row, every column, and the indexes and triggers. An id
// that is there stays; a row without one gets the next numbers, in the order in which the rows were written.
func rebuild(ctx context.Context, tx *sql.Tx, columns []column) error {
	attachments, err := indexesAndTriggers(ctx, tx)
	if err != nil {
		return err
	}
	copied, further := copyPlan(columns)
	id := "NULL"
	if columnNamed(columns, "id") != nil {
		id = "CASE WHEN typeof(id) = 'integer' THEN id END"
	}
	names := strings.Join(append([]string{"id"}, copied...), ", ")
	statements := []string{
		"PRAGMA legacy_alter_table=ON", // views that name the table must not stop its renaming
		createTable("posture_log_rebuilt", further),
		"INSERT INTO posture_log_rebuilt (" + names + ") SELECT " + strings.Join(append([]string{id}, copied...), ", ") +
			" FROM posture_log ORDER BY " + id + " IS NULL, rowid",
		"DROP TABLE posture_log",
		"ALTER TABLE posture_log_rebuilt RENAME TO posture_log",
		"PRAGMA legacy_alter_table=OFF",
	}
	return execAll(ctx, tx, append(statements, attachments...)...)
}

// copyPlan gives the quoted names of all columns but id, and the definitions of those that the original does not have. A
// NOT NULL of theirs is left out, for our own INSERT does not know them.
func copyPlan(columns []column) (copied, further []string) {
	for _, c := range columns {
		if strings.EqualFold(c.name, "id") {
			continue
		}
		copied = append(copied, quote(c.name))
		if isOriginal(c.name) {
			continue
		}
		definition := quote(c.name) + " " + c.kind
		if c.preset.Valid {
			definition += " DEFAULT (" + c.preset.String + ")"
		}
		further = append(further, definition)
	}
	return copied, further
}

func isOriginal(name string) bool {
	for _, c := range row.Original {
		if strings.EqualFold(c.Name, name) {
			return true
		}
	}
	return false
}

func indexesAndTriggers(ctx context.Context, tx *sql.Tx) ([]string, error) {
	rows, err := tx.QueryContext(ctx, "SELECT sql FROM sqlite_schema WHERE tbl_name = 'posture_log' COLLATE NOCASE AND type IN ('index', 'trigger') AND sql IS NOT NULL")
	if err != nil {
		return nil, fmt.Errorf("reading the table's indexes: %w", err)
	}
	defer rows.Close() //nolint:errcheck // Err below reports what matters
	var statements []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, fmt.Errorf("reading the table's indexes: %w", err)
		}
		statements = append(statements, s)
	}
	return statements, rows.Err()
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
