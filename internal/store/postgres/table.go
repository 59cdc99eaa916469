package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"plumbline/internal/store/row"
)

// table is posture_log as it was found.
type table struct {
	exists   bool
	kind     string // of pg_class: r is an ordinary table
	columns  map[string]column
	order    []string
	sequence string // that counts the ids, where PostgreSQL knows it
	hasIndex bool   // unique, on capture_id alone
	notes    bool   // posture_log_removed is there
}

type column struct {
	base     string // the type's name without its length; a domain's underlying type
	full     string // the type as PostgreSQL writes it
	length   int    // of a varchar; 0 means no limit
	required bool   // NOT NULL
	preset   bool   // it has a default or counts by itself
	computed bool
}

const lookAtTable = `SELECT relkind::text, coalesce(pg_get_serial_sequence('posture_log', (SELECT attname FROM pg_attribute
		WHERE attrelid = c.oid AND attname = 'id' AND NOT attisdropped)), ''),
	EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
		WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indnatts = 1 AND i.indpred IS NULL AND a.attname = 'capture_id'),
	to_regclass('posture_log_removed') IS NOT NULL
FROM pg_class c WHERE c.oid = to_regclass('posture_log')`

const lookAtColumns = `SELECT a.attname, coalesce(nullif(t.typbasetype, 0), t.oid)::regtype::text, format_type(a.atttypid, a.atttypmod),
	CASE WHEN t.typname = 'varchar' AND a.atttypmod > 4 THEN a.atttypmod - 4 ELSE 0 END,
	a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> ''
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass('posture_log') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

func (d *Database) lookAtTable(ctx context.Context) (table, error) {
	found := table{columns: map[string]column{}}
	err := d.pool.QueryRow(ctx, lookAtTable).Scan(&found.kind, &found.sequence, &found.hasIndex, &found.notes)
	if err == pgx.ErrNoRows { //nolint:errorlint // pgx returns it bare
		return found, nil
	}
	if err != nil {
		return found, fmt.Errorf("looking for posture_log: %w", err)
	}
	found.exists = true
	rows, err := d.pool.Query(ctx, lookAtColumns)
	if err != nil {
		return found, fmt.Errorf("reading the columns of posture_log: %w", err)
	}
	var name string
	var c column
	_, err = pgx.ForEachRow(rows, []any{&name, &c.base, &c.full, &c.length, &c.required, &c.preset, &c.computed}, func() error {
		found.columns[name] = c
		found.order = append(found.order, name)
		return nil
	})
	if err != nil {
		return found, fmt.Errorf("reading the columns of posture_log: %w", err)
	}
	return found, nil
}

// complete tells whether everything that Plumbline writes and needs is there, so that a role without the right to change the
// table can work with it.
func (t table) complete() bool {
	if !t.hasIndex || !t.notes || !t.columns["id"].preset {
		return false
	}
	for _, c := range row.Columns() {
		if _, there := t.columns[c.Name]; !there {
			return false
		}
	}
	return true
}

// taken are the types that work in place of ours: what we write fits without loss that counts, and reading it casts.
var taken = map[string][]string{
	"bigint":           {"bigint", "integer"}, // the id
	"text":             {"text", "character varying"},
	"timestamp":        {"timestamp without time zone", "timestamp with time zone"},
	"integer":          {"integer", "bigint", "numeric", "real", "double precision"},
	"double precision": {"double precision", "numeric", "real"},
	"boolean":          {"boolean"},
	"json":             {"json", "jsonb", "text"},
}

// shortest is the least limit of a varchar that is taken: the names of pictures have 55 characters.
const shortest = 64

// unfit says of each column that Plumbline cannot work with what it is, what is needed, and the statement that mends it.
func (t table) unfit() []string {
	if t.exists && t.kind != "r" {
		return []string{"it is no ordinary table but a view, a partitioned or a foreign table, which cannot keep capture_id unique\n" +
			"    → rename it, and Plumbline makes a table of its own"}
	}
	var complaints []string
	for _, name := range t.order {
		if c, needed := t.columns[name], neededType(name); needed == "" {
			complaints = append(complaints, c.foreign(name)...)
		} else {
			complaints = append(complaints, c.ours(name, needed)...)
		}
	}
	return complaints
}

// neededType is "" for a column that is none of ours.
func neededType(name string) string {
	if name == "id" {
		return "bigint"
	}
	i := slices.IndexFunc(row.Columns(), func(c row.Column) bool { return c.Name == name })
	if i < 0 {
		return ""
	}
	return row.Columns()[i].Postgres
}

// foreign complains of a column that we leave alone only where that is impossible.
func (c column) foreign(name string) []string {
	if !c.required || c.preset || c.computed {
		return nil
	}
	return []string{fmt.Sprintf("column %s is NOT NULL without a default, and Plumbline does not know what to write there\n    → %s",
		quote(name), alter(name, "DROP NOT NULL"))}
}

func (c column) ours(name, needed string) []string {
	switch {
	case c.computed:
		return []string{fmt.Sprintf("column %s is computed, so nothing can be written to it\n    → %s", name, rename(name))}
	case !slices.Contains(taken[needed], c.base):
		return []string{fmt.Sprintf("column %s is %s, %s is needed\n    → %s", name, c.full, needed, c.convert(name, needed))}
	case c.length > 0 && c.length < shortest:
		return []string{fmt.Sprintf("column %s is %s, too short for what is written there\n    → %s", name, c.full, alter(name, "TYPE text"))}
	case c.required && !row.Filled(name):
		return []string{fmt.Sprintf("column %s is NOT NULL, but some results have nothing to write there\n    → %s", name, alter(name, "DROP NOT NULL"))}
	}
	return nil
}

// convert is the statement that changes the type and keeps the values where PostgreSQL can; else the column makes room for a
// new one.
func (c column) convert(name, needed string) string {
	isText := c.base == "text" || c.base == "character varying" || c.base == "character"
	isNumber := slices.Contains([]string{"smallint", "integer", "bigint", "numeric", "real", "double precision"}, c.base)
	if c.preset && name != "id" {
		return rename(name) // its default would not follow
	}
	switch {
	case name == "id" && !isNumber:
		return "ALTER TABLE posture_log RENAME TO posture_log_old;"
	case needed == "integer" && isText:
		return alter(name, "TYPE integer USING round("+name+"::numeric)::integer")
	case needed == "text", needed == "boolean" && c.base == "integer", isText, isNumber && taken[needed] != nil && needed != "timestamp" && needed != "boolean" && needed != "json",
		needed == "timestamp" && c.base == "date":
		return alter(name, "TYPE "+needed+" USING "+name+"::"+needed)
	}
	return rename(name)
}

func alter(name, change string) string {
	return "ALTER TABLE posture_log ALTER COLUMN " + quote(name) + " " + change + ";"
}

func rename(name string) string {
	return "ALTER TABLE posture_log RENAME COLUMN " + quote(name) + " TO " + quote(name+"_old") + ";"
}

func quote(name string) string {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") == "" {
		return name
	}
	return pgx.Identifier{name}.Sanitize()
}

// unfitError lists what stands in the way, with what to do.
func unfitError(complaints []string) error {
	noun := " thing stands"
	if len(complaints) > 1 {
		noun = " things stand"
	}
	return fmt.Errorf("posture_log does not fit, %s in the way:\n  %s\nRun what follows each arrow as the table's owner, or let Plumbline make a "+
		"table of its own: ALTER TABLE posture_log RENAME TO posture_log_old; Nothing has been changed",
		strconv.Itoa(len(complaints))+noun, strings.Join(complaints, "\n  "))
}

// oddTypes are columns of the original that have another type, which works; whoever reads the table may want to know.
func (t table) oddTypes() map[string]string {
	odd := map[string]string{}
	for _, c := range row.Original {
		if found, there := t.columns[c.Name]; there && !strings.HasPrefix(found.base, c.Postgres) && found.base != "character varying" {
			odd[c.Name] = found.full + " instead of " + c.Postgres
		}
	}
	return odd
}
