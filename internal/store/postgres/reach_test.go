package postgres_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"plumbline/internal/store/postgres"
)

// TestUnreachable: what passes by itself lets a hub start, what only a person can mend does not.
func TestUnreachable(t *testing.T) {
	state := func(code, message string) error { return &pgconn.PgError{Code: code, Message: message} }
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"refused":              {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, true},
		"no answer":            {context.DeadlineExceeded, true},
		"broken off":           {io.ErrUnexpectedEOF, true},
		"no network for names": {&net.DNSError{Err: "server misbehaving", IsTemporary: true}, true},
		"no such name":         {&net.DNSError{Err: "no such host", IsNotFound: true}, false},
		"starting up":          {state("57P03", "the database system is starting up"), true},
		"too many clients":     {state("53300", "sorry, too many clients already"), true},
		"pooler's server away": {state("08P01", "server login has been failing, try again later"), true},
		"pooler's password":    {state("08P01", "SASL authentication failed"), false},
		"password":             {state("28P01", "password authentication failed"), false},
		"rights":               {state("42501", "permission denied"), false},
		"authority":            {x509.UnknownAuthorityError{}, false},
		"a missing file":       {&fs.PathError{Op: "open", Path: "ca.pem", Err: syscall.ENOENT}, false},
		"anything else":        {errors.New("posture_log does not fit"), false},
	} {
		if got := postgres.Unreachable(fmt.Errorf("opening: %w", test.err)); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
