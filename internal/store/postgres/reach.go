package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unreachable tells an error of Open that time may mend (no server yet, no network, no free connection, somebody who holds the
// table) from a mistake that only a person can (password, database, rights, table, certificate).
func Unreachable(err error) bool {
	var refusal *pgconn.PgError
	if errors.As(err, &refusal) {
		return passes(state(refusal))
	}
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		return !lookup.IsNotFound // the network's fault, not the name's
	}
	if mistakenTLS(err) {
		return false
	}
	var network *net.OpError // not net.Error, which every error of the system is
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// state is the SQLSTATE of a refusal. PgBouncer has one for nearly everything (08P01, protocol violation) and tells what it
// means in words.
func state(refusal *pgconn.PgError) string {
	if refusal.Code != "08P01" {
		return refusal.Code
	}
	for words, code := range map[string]string{
		"authentication failed": "28P01", "no such user": "28P01", "does not exist": "3D000", "no such database": "3D000",
		unknownSetting: "42704",
	} {
		if strings.Contains(refusal.Message, words) {
			return code
		}
	}
	return refusal.Code
}

// unknownSetting is what PgBouncer says to a setting in the URL that it does not pass on.
const unknownSetting = "unsupported startup parameter"

// passes knows the SQLSTATEs of PostgreSQL's appendix A that end by themselves.
func passes(code string) bool {
	switch code[:2] {
	case "08", "40", "53", "58": // connection, conflict, resources, system
		return true
	}
	switch code {
	case "57P01", "57P02", "57P03", "57P05", "55P03", "55006": // stopping, crashed, starting; somebody holds the table or database
		return true
	}
	return false
}

// refusedTLS is what pgx says when a server has none.
const refusedTLS = "server refused TLS"

func mistakenTLS(err error) bool {
	var verification *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	return errors.As(err, &verification) || errors.As(err, &unknown) || errors.As(err, &name) || strings.Contains(err.Error(), refusedTLS)
}
