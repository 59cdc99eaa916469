package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// parse reads a URL. Where it says nothing of TLS, nor does PGSSLMODE, the driver would try TLS and go on in plain text when
// the server, or somebody in between, says that it has none. That is enough on this machine only; elsewhere TLS is required.
func parse(address string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil || saysTLS(address) || isLocal(config) {
		return config, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	query := u.Query()
	query.Set("sslmode", "require")
	u.RawQuery = query.Encode()
	return pgxpool.ParseConfig(u.String())
}

func saysTLS(address string) bool {
	u, err := url.Parse(address)
	return os.Getenv("PGSSLMODE") != "" || err == nil && (u.Query().Has("sslmode") || u.Query().Has("service"))
}

func isLocal(config *pgxpool.Config) bool {
	local := isLocalHost(config.ConnConfig.Host)
	for _, other := range config.ConnConfig.Fallbacks {
		local = local && isLocalHost(other.Host)
	}
	return local
}

// isLocalHost knows Unix sockets, too: a folder or an abstract name.
func isLocalHost(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || host == "localhost" || ip != nil && ip.IsLoopback()
}

// sslModes are those of libpq.
var sslModes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

// unreadable says what is wrong with a URL without quoting it, for it may hold a password.
func unreadable(address string, err error) error {
	var file *fs.PathError
	if errors.As(err, &file) && !strings.Contains(file.Path, "@") {
		return fmt.Errorf("the database's certificate file (sslrootcert, sslcert or sslkey): %w", file)
	}
	if u, parseErr := url.Parse(address); parseErr == nil && u.Query().Has("sslmode") && !slices.Contains(sslModes, u.Query().Get("sslmode")) {
		return errors.New("sslmode in the database URL must be one of " + strings.Join(sslModes, ", "))
	}
	return errors.New("the database URL cannot be read: it should look like postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require, " +
		"where each of @ : / ? # % in the password is written as %40 %3A %2F %3F %23 %25 (or leave the URL out and set " +
		"SUPABASE_HOST, SUPABASE_DB, SUPABASE_USER and SUPABASE_PASSWORD, which are taken as they are)")
}
