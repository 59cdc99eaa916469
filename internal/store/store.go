// Package store keeps results as rows of the table posture_log, in SQLite or PostgreSQL: the original's ten columns, then
// ours. What a database takes and refuses is the same for both. It keeps no pictures, retries nothing (a recorder does),
// never changes a row, and removes rows for their age only, noting which.
package store

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"

	"plumbline/internal/posture"
	"plumbline/internal/store/postgres"
	"plumbline/internal/store/row"
	"plumbline/internal/store/sqlite"
)

// Entry is a row read back: its id and the result.
type Entry = row.Entry

// Query says which rows are wanted.
type Query = row.Query

// Refused is the error for a result that can never become a row.
type Refused = row.Refused

// Limits of a Query.
const (
	DefaultLimit = row.DefaultLimit
	MaxLimit     = row.MaxLimit
)

// Options say where the rows are.
type Options struct {
	// URL of a PostgreSQL database, postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…; empty means SQLite. FromEnvironment
	// makes one of DATABASE_URL or SUPABASE_….
	URL string
	// Path of the SQLite file where URL is empty; its folder must exist.
	Path string
	Log  *slog.Logger // nil means silence
}

// database is what both doors offer.
type database interface {
	retention
	Append(ctx context.Context, results []posture.Result) ([]posture.Result, error)
	Latest(ctx context.Context) ([]Entry, error)
	Recent(ctx context.Context, q Query) ([]Entry, error)
	CountByDevice(ctx context.Context) (map[string]int64, error)
	Recorded(ctx context.Context, captureIDs []string) (map[string]bool, error)
	Ping(ctx context.Context) error
	Close() error
}

// Store is an open table. Its methods may be called concurrently; Append is meant for one recorder.
type Store struct{ database }

// Open connects and brings the table up to date; a table of the original keeps every row.
func Open(ctx context.Context, o Options) (*Store, error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	db, err := open(ctx, o, log)
	if err != nil {
		return nil, err // it names the database
	}
	return &Store{database: db}, nil
}

func open(ctx context.Context, o Options, log *slog.Logger) (database, error) {
	switch {
	case o.URL == "" && o.Path == "":
		return nil, errors.New("neither a database URL nor a file is named")
	case o.URL == "":
		return sqlite.Open(ctx, o.Path, log)
	case strings.HasPrefix(o.URL, "postgres://"), strings.HasPrefix(o.URL, "postgresql://"):
		return postgres.Open(ctx, o.URL, log)
	}
	return nil, errors.New("the database URL must begin with postgres:// or postgresql://; leave it out for SQLite")
}

// FromEnvironment makes a PostgreSQL URL of environment values: DATABASE_URL, or SUPABASE_HOST and its companions; empty when
// none is set, which means SQLite.
func FromEnvironment(env map[string]string) (string, error) { return postgres.URL(env) }

// Append writes the results in one transaction, all or none, and returns those that were not recorded before; a capture id
// that has a row changes nothing. The error is a *Refused when one result can never be a row.
func (s *Store) Append(ctx context.Context, results []posture.Result) ([]posture.Result, error) {
	return s.database.Append(ctx, results)
}

// Latest returns every device's newest result, ordered by device.
func (s *Store) Latest(ctx context.Context) ([]Entry, error) { return s.database.Latest(ctx) }

// Recent returns results, newest id first.
func (s *Store) Recent(ctx context.Context, q Query) ([]Entry, error) {
	return s.database.Recent(ctx, q)
}

// CountByDevice counts the rows of each device; it reads a whole index, so it is for reports.
func (s *Store) CountByDevice(ctx context.Context) (map[string]int64, error) {
	return s.database.CountByDevice(ctx)
}

// Recorded tells which of the captures have a row.
func (s *Store) Recorded(ctx context.Context, captureIDs []string) (map[string]bool, error) {
	return s.database.Recorded(ctx, row.Possible(captureIDs))
}

// Has tells whether the capture has a row.
func (s *Store) Has(ctx context.Context, captureID string) (bool, error) {
	found, err := s.Recorded(ctx, []string{captureID})
	return found[captureID], err
}

// CaptureIDs goes through the ids of all recorded captures in order; the original's rows have none. The loop's body must not
// be slow: it holds a connection.
func (s *Store) CaptureIDs(ctx context.Context) iter.Seq2[string, error] {
	return s.database.CaptureIDs(ctx)
}

// Ping tells whether the database answers and the table can be read.
func (s *Store) Ping(ctx context.Context) error { return s.database.Ping(ctx) }

// Close ends the connections.
func (s *Store) Close() error { return s.database.Close() }
