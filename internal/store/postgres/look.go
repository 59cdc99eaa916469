package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Sight is what can be seen of a server without changing anything.
type Sight struct {
	Where   string // the database, without a password
	Version string // of the server
	Table   bool   // posture_log is there
}

// Look finds out whether a hub could work there, and changes nothing. What stands in the way is the error.
func Look(ctx context.Context, url string) (Sight, error) {
	config, err := Config(url)
	if err != nil {
		return Sight{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, config.ConnConfig.ConnectTimeout)
	defer cancel()
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return Sight{}, fmt.Errorf("preparing PostgreSQL connections: %w", err)
	}
	defer pool.Close()
	seen := Sight{Where: fmt.Sprintf("%q on %s:%d", config.ConnConfig.Database, config.ConnConfig.Host, config.ConnConfig.Port)}
	d := &Database{pool: pool}
	if err := pool.QueryRow(ctx, "SELECT current_setting('server_version')").Scan(&seen.Version); err != nil {
		return seen, d.explain(err)
	}
	found, _, err := d.look(ctx)
	if err == nil && found.complete() {
		err = d.checkRights(ctx)
	}
	seen.Table = found.exists
	return seen, err
}
