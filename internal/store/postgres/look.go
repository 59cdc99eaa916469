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

// Look connects, and no more.
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
	err = pool.QueryRow(ctx, "SELECT current_setting('server_version'), to_regclass('posture_log') IS NOT NULL").Scan(&seen.Version, &seen.Table)
	return seen, d.explain(err)
}
