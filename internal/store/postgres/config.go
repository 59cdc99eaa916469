package postgres

import (
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// connections bounds the pool where the URL has no pool_max_conns: one writes, the others read for the page.
	// Supabase's session pooler gives 15 to all clients together.
	connections = 4
	// fewest is how many a migration needs: one holds the lock, one works.
	fewest = 2
	// connectPatience bounds one attempt to connect where the URL has no connect_timeout.
	connectPatience = 10 * time.Second
)

// foreignSettings stand in URLs that hosting services give out for other programs (Prisma, Vercel); a server would take them
// for settings of its own and refuse the connection.
var foreignSettings = []string{"pgbouncer", "connection_limit", "pool_timeout", "supa"}

// Place names the server and the database of a URL, and nothing that is secret.
func Place(url string) string {
	config, err := parse(url)
	if err != nil {
		return "PostgreSQL"
	}
	server := config.ConnConfig.Host
	if !strings.HasPrefix(server, "/") { // the folder of a socket
		server = net.JoinHostPort(server, strconv.Itoa(int(config.ConnConfig.Port)))
	}
	return "PostgreSQL at " + server + ", database " + config.ConnConfig.Database
}

// Config is the pool's configuration for a URL. As with every PostgreSQL client, what the URL leaves out may come from PGHOST,
// PGSSLMODE and so on, or ~/.pgpass. The error never quotes the URL, which may hold a password.
func Config(url string) (*pgxpool.Config, error) {
	config, err := parse(url)
	if err != nil {
		return nil, misuse{unreadable(url, err)}
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = connections
	}
	config.MaxConns = max(config.MaxConns, fewest)
	if !strings.Contains(url, "default_query_exec_mode") {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectPatience
	}
	settings := config.ConnConfig.RuntimeParams
	for _, name := range foreignSettings {
		delete(settings, name)
	}
	settings["timezone"] = "UTC" // a table made by hand may have timestamptz columns
	if settings["application_name"] == "" {
		settings["application_name"] = "plumbline"
	}
	return config, nil
}
