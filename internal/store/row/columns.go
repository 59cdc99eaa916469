package row

import (
	"slices"
	"strings"
)

// Column is one column of the table with its type in either database.
type Column struct {
	Name             string
	SQLite, Postgres string
}

// Original are the columns of the original's statement but id, in its order.
var Original = []Column{
	{"pi_id", "TEXT", "text"},
	{"filename", "TEXT", "text"},
	{"received_time", "TIMESTAMP", "timestamp"},
	{"analyzed_time", "TIMESTAMP", "timestamp"},
	{"neck_angle", "INTEGER", "integer"},
	{"body_angle", "INTEGER", "integer"},
	{"posture_status", "TEXT", "text"},
	{"landmarks_detected", "BOOLEAN", "boolean"},
	{"processed_by", "TEXT", "text"},
}

// Ours are the columns that Plumbline adds. All take NULL, so that the original's INSERT goes on working.
var Ours = []Column{
	{"capture_id", "TEXT", "text"},
	{"taken_at", "TIMESTAMP", "timestamp"},
	{"source_filename", "TEXT", "text"},
	{"neck_degrees", "REAL", "double precision"},
	{"torso_degrees", "REAL", "double precision"},
	{"neck_uncertainty", "REAL", "double precision"},
	{"torso_uncertainty", "REAL", "double precision"},
	{"side", "TEXT", "text"},
	{"view", "TEXT", "text"},
	{"profile", "TEXT", "text"},
	{"model", "TEXT", "text"},
	{"confidence", "REAL", "double precision"},
	{"width", "INTEGER", "integer"},
	{"height", "INTEGER", "integer"},
	{"landmarks", "TEXT", "json"},
}

// Columns are all columns but id, in the order of Row's fields and of Scan.
func Columns() []Column {
	return append(append([]Column{}, Original...), Ours...)
}

// filled are the columns that every row of ours fills; the others are NULL where nobody is found, or no picture is kept.
var filled = []string{"id", "pi_id", "received_time", "analyzed_time", "posture_status", "landmarks_detected", "processed_by", "capture_id"}

// Filled tells whether every row of ours has a value in the column.
func Filled(name string) bool { return slices.Contains(filled, strings.ToLower(name)) }

// List joins what f makes of each column with commas.
func List(columns []Column, f func(Column) string) string {
	parts := make([]string, 0, len(columns))
	for _, c := range columns {
		parts = append(parts, f(c))
	}
	return strings.Join(parts, ", ")
}

// Name is the column's name, for List.
func Name(c Column) string { return c.Name }
