package postgres

import (
	"context"
	"errors"
	"iter"
	"log/slog"

	"plumbline/internal/posture"
	"plumbline/internal/store/row"
)

// Database is an open PostgreSQL database.
type Database struct{}

var errSoon = errors.New("PostgreSQL is not there yet")

// Open connects.
func Open(context.Context, string, *slog.Logger) (*Database, error) { return nil, errSoon }

func (d *Database) Append(ctx context.Context, results []posture.Result) ([]posture.Result, error) {
	return nil, errSoon
}
func (d *Database) Latest(ctx context.Context) ([]row.Entry, error)              { return nil, errSoon }
func (d *Database) Recent(ctx context.Context, q row.Query) ([]row.Entry, error) { return nil, errSoon }
func (d *Database) CountByDevice(ctx context.Context) (map[string]int64, error)  { return nil, errSoon }
func (d *Database) Recorded(context.Context, []string) (map[string]bool, error)  { return nil, errSoon }
func (d *Database) CaptureIDs(context.Context) iter.Seq2[string, error]          { return nil }
func (d *Database) Ping(context.Context) error                                   { return errSoon }
func (d *Database) Close() error                                                 { return nil }
