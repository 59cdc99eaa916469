// Package store keeps results as rows of the table posture_log, in SQLite or PostgreSQL: the original's ten columns, then
// ours. What a database takes and refuses is the same for both. It keeps no pictures, retries nothing (a recorder does),
// never changes a row, and removes rows for their age only, noting which.
package store

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"time"

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
	// Patient opens a PostgreSQL that cannot be reached now as well: until it is, every call returns the reason, and attempts
	// go on. A mistake that no waiting mends is an error of Open all the same.
	Patient  bool
	Patience time.Duration // how long Open waits for the first attempt then; 0 means 15 s
	Log      *slog.Logger  // nil means silence
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

// Store is an open table, or one that will be: see Options.Patient. Its methods may be called concurrently; Append is meant for
// one recorder.
type Store struct{ *connection }

// Open connects and brings the table up to date; a table of the original keeps every row.
func Open(ctx context.Context, o Options) (*Store, error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if !o.Patient || o.URL == "" {
		db, err := open(ctx, o, log)
		if err != nil {
			return nil, err // it names the database
		}
		return &Store{opened(db)}, nil
	}
	c := connect(log, func(ctx context.Context) (database, error) { return open(ctx, o, log) })
	if err := c.await(ctx, cmp.Or(o.Patience, defaultPatience)); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return &Store{c}, nil
}

// Place names where rows go by a URL, for people: server and database, and nothing that is secret.
func Place(url string) string { return postgres.Place(url) }

// Opened is closed once the database has been reached.
func (s *Store) Opened() <-chan struct{} { return s.opened }

func open(ctx context.Context, o Options, log *slog.Logger) (database, error) {
	switch {
	case o.URL == "" && o.Path == "":
		return nil, errors.New("neither a database URL nor a file is named")
	case o.URL == "":
		return sqlite.Open(ctx, o.Path, log)
	}
	if err := CheckURL(o.URL); err != nil {
		return nil, err
	}
	return postgres.Open(ctx, o.URL, log)
}

// CheckURL refuses what is no URL of a database that can be written to; whether one is there, Open finds out.
func CheckURL(url string) error {
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return nil
	}
	return misuse{errors.New("the database URL must begin with postgres:// or postgresql://; leave it out for SQLite")}
}

// FromEnvironment makes a PostgreSQL URL of environment values: DATABASE_URL, or SUPABASE_HOST and its companions; empty when
// none is set, which means SQLite.
func FromEnvironment(env map[string]string) (string, error) { return postgres.URL(env) }

// Append writes the results in one transaction, all or none, and returns those that were not recorded before; a capture id
// that has a row changes nothing. The error is a *Refused when one result can never be a row.
func (s *Store) Append(ctx context.Context, results []posture.Result) ([]posture.Result, error) {
	db, err := s.get()
	if err != nil {
		return nil, err
	}
	return db.Append(ctx, results)
}

// Latest returns every device's newest result, ordered by device.
func (s *Store) Latest(ctx context.Context) ([]Entry, error) {
	db, err := s.get()
	if err != nil {
		return nil, err
	}
	return db.Latest(ctx)
}

// Recent returns results, newest id first.
func (s *Store) Recent(ctx context.Context, q Query) ([]Entry, error) {
	db, err := s.get()
	if err != nil {
		return nil, err
	}
	return db.Recent(ctx, q)
}

// CountByDevice counts the rows of each device; it reads a whole index, so it is for reports.
func (s *Store) CountByDevice(ctx context.Context) (map[string]int64, error) {
	db, err := s.get()
	if err != nil {
		return nil, err
	}
	return db.CountByDevice(ctx)
}

// Recorded tells which of the captures have a row.
func (s *Store) Recorded(ctx context.Context, captureIDs []string) (map[string]bool, error) {
	db, err := s.get()
	if err != nil {
		return nil, err
	}
	return db.Recorded(ctx, row.Possible(captureIDs))
}

// Has tells whether the capture has a row.
func (s *Store) Has(ctx context.Context, captureID string) (bool, error) {
	found, err := s.Recorded(ctx, []string{captureID})
	return found[captureID], err
}

// CaptureIDs goes through the ids of all recorded captures in order; the original's rows have none. The loop's body must not
// be slow: it holds a connection.
func (s *Store) CaptureIDs(ctx context.Context) iter.Seq2[string, error] {
	db, err := s.get()
	if err != nil {
		return func(yield func(string, error) bool) { yield("", err) }
	}
	return db.CaptureIDs(ctx)
}

// Ping tells whether the database answers and the table can be read.
func (s *Store) Ping(ctx context.Context) error {
	db, err := s.get()
	if err != nil {
		return err
	}
	return db.Ping(ctx)
}

// Close ends the connections.
func (s *Store) Close() error { return s.close() }
