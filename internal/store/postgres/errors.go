package postgres

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"plumbline/internal/posture"
	"plumbline/internal/store/row"
)

// refuse marks an error that lies in the rows, so that trying them again is useless: SQLSTATE classes 22 (data), 23
// (constraints) and 54 (limits). A batch of one says whose it is.
func (d *Database) refuse(results []posture.Result, err error) error {
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) {
		return d.explain(err)
	}
	switch refusal.Code[:2] {
	case "22", "23", "54":
		captureID := ""
		if len(results) == 1 {
			captureID = results[0].CaptureID
		}
		return &row.Refused{CaptureID: captureID, Err: err}
	}
	return d.explain(err)
}

// explain adds which database it is and what a person can do. pgx's own texts never hold the password.
func (d *Database) explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	err = oneLine{err}
	if advice := adviceFor(err, d.pool.Config().ConnConfig); advice != "" {
		return fmt.Errorf("%s: %w (%s)", d.where(), err, advice)
	}
	return fmt.Errorf("%s: %w", d.where(), err)
}

// oneLine is an error whose repeated lines, one for each address and way that was tried, are said once.
type oneLine struct{ error }

func (o oneLine) Unwrap() error { return o.error }

func (o oneLine) Error() string {
	var said []string
	for line := range strings.SplitSeq(o.error.Error(), "\n") {
		if line = strings.TrimSpace(line); !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	return strings.Join(said, " ")
}

// where names the database without its user and password.
func (d *Database) where() string {
	config := d.pool.Config().ConnConfig
	return fmt.Sprintf("PostgreSQL database %q on %s:%d", config.Database, config.Host, config.Port)
}

func adviceFor(err error, config *pgx.ConnConfig) string {
	var refusal *pgconn.PgError
	var lookup *net.DNSError
	switch {
	case errors.As(err, &refusal):
		return adviceForState(refusal, config)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: is the server running, are host and port right?"
	case errors.As(err, &lookup):
		return "the host name is not known: check its spelling, and this machine's network"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time: a firewall, a wrong host, or a network without IPv6 towards a host that has nothing else (Supabase's direct address; use its pooler's)"
	case mistakenTLS(err):
		return adviceForTLS(err, config)
	}
	return ""
}

func adviceForTLS(err error, config *pgx.ConnConfig) string {
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	switch {
	case strings.Contains(err.Error(), refusedTLS):
		return "the server has no TLS, so rows and password would travel in plain text: switch TLS on there, or, if the network in between is " +
			"trusted, set sslmode=disable in the URL, or SUPABASE_SSL=disable"
	case errors.As(err, &name):
		return fmt.Sprintf("the server's certificate is not for %s: use the host name that it is for, or sslmode=verify-ca, which asks for the authority only", config.Host)
	case errors.As(err, &unknown):
		return "the server's certificate is not from the expected authority: name the right one's certificate with sslrootcert=FILE in the URL, or " +
			"SUPABASE_SSLROOTCERT; with sslmode=require and no sslrootcert nobody is asked for"
	}
	return "look at the server's certificate: openssl s_client -starttls postgres -connect " + net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))
}

// adviceForState knows the SQLSTATEs of PostgreSQL's appendix A that a first set-up meets.
func adviceForState(refusal *pgconn.PgError, config *pgx.ConnConfig) string {
	user, database := pgx.Identifier{config.User}.Sanitize(), pgx.Identifier{config.Database}.Sanitize()
	switch state(refusal) {
	case "28P01", "28000":
		if strings.Contains(refusal.Message, "no encryption") {
			return "the server wants TLS: set sslmode=require in the URL, or SUPABASE_SSL=require"
		}
		return fmt.Sprintf("user %s is not let in: check user and password, and the server's pg_hba.conf", user)
	case "3D000":
		return fmt.Sprintf("run as an administrator: CREATE DATABASE %s OWNER %s;", database, user)
	case "42501":
		return fmt.Sprintf("a right was taken away meanwhile: start Plumbline again, it says which, or run as the table's owner: GRANT SELECT, INSERT ON posture_log TO %s;", user)
	case "23505":
		return "posture_log has a column capture_id in which ids stand twice, perhaps from a copy: SELECT capture_id, count(*) FROM posture_log GROUP BY 1 HAVING count(*) > 1;"
	case "XX000":
		if strings.Contains(refusal.Message, "Tenant or user not found") {
			return "Supabase's pooler knows no such project: behind the pooler the user is postgres.PROJECT, and the host has the project's region in it"
		}
	case "42704":
		if strings.Contains(refusal.Message, unknownSetting) {
			return "PgBouncer does not pass this setting on: take it out of the URL, or name it in PgBouncer's ignore_startup_parameters"
		}
	case "42P01":
		return "the table is gone: start Plumbline again, it makes what is missing"
	case "42P10":
		return "the unique index on capture_id is gone: CREATE UNIQUE INDEX posture_log_capture_id ON posture_log (capture_id);"
	case "55P03":
		return "another program holds posture_log in an open transaction: end it, or see who it is: " +
			"SELECT pid, application_name, state FROM pg_stat_activity WHERE state LIKE 'idle in transaction%';"
	case "53300":
		return "the server has no free connection: end other clients, raise max_connections, or add pool_max_conns=2 to the URL"
	case "53100":
		return "the server's disk is full: free some space there, recording goes on by itself"
	case "25006":
		return "the server is read-only, perhaps a standby: name the primary"
	case "26000", "42P05":
		return "a transaction pooler is in between: take default_query_exec_mode out of the URL"
	}
	return ""
}
