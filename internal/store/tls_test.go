package store_test

import (
	"context"
	"crypto/x509"
	"net/url"
	"strings"
	"testing"

	"plumbline/internal/store"
	"plumbline/internal/testkit/pki"
	"plumbline/internal/testkit/postgres"
)

func onlyLocalhost(c *x509.Certificate) { c.IPAddresses = nil }

// TestTLS goes through the modes with a real server that has a certificate for localhost, from an authority of its own, and
// one without TLS. A row tells whether it came encrypted.
func TestTLS(t *testing.T) {
	authority, other := pki.New(t, "ours"), pki.New(t, "another")
	certificate := authority.Server(onlyLocalhost)
	secure := postgres.ForTest(t, postgres.Options{CertFile: certificate.CertFile, KeyFile: certificate.KeyFile})
	name := secure.NewDatabase(t)
	plainName := server.NewDatabase(t)
	for what, test := range map[string]struct {
		plain     bool // the server has no TLS
		host      string
		query     string
		encrypted string // "" where the opening is refused
		want      string
	}{
		"required":                          {host: "localhost", query: "sslmode=require", encrypted: "true"},
		"required, certificate unknown":     {host: "127.0.0.1", query: "sslmode=require", encrypted: "true"},
		"disabled":                          {host: "localhost", query: "sslmode=disable", encrypted: "false"},
		"not said, this machine":            {host: "localhost", encrypted: "true"},
		"not said, this machine, no TLS":    {plain: true, host: "127.0.0.1", encrypted: "false"},
		"authority verified":                {host: "127.0.0.1", query: "sslmode=verify-ca&sslrootcert=" + authority.File, encrypted: "true"},
		"name verified":                     {host: "localhost", query: "sslmode=verify-full&sslrootcert=" + authority.File, encrypted: "true"},
		"required with an authority":        {host: "localhost", query: "sslmode=require&sslrootcert=" + other.File, want: "not from the expected authority"},
		"wrong authority":                   {host: "localhost", query: "sslmode=verify-ca&sslrootcert=" + other.File, want: "sslrootcert=FILE"},
		"wrong authority, name":             {host: "localhost", query: "sslmode=verify-full&sslrootcert=" + other.File, want: "not from the expected authority"},
		"unknown authority":                 {host: "localhost", query: "sslmode=verify-full", want: "not from the expected authority"},
		"wrong name":                        {host: "127.0.0.1", query: "sslmode=verify-full&sslrootcert=" + authority.File, want: "certificate is not for 127.0.0.1"},
		"authority's file missing":          {host: "localhost", query: "sslmode=verify-full&sslrootcert=/no/such.pem", want: "open /no/such.pem: no such file"},
		"no such mode":                      {host: "localhost", query: "sslmode=on", want: "sslmode in the database URL must be one of disable"},
		"required, no TLS":                  {plain: true, host: "localhost", query: "sslmode=require", want: "set sslmode=disable in the URL, or SUPABASE_SSL=disable"},
		"verified, no TLS":                  {plain: true, host: "localhost", query: "sslmode=verify-full", want: "the server has no TLS"},
		"preferred, as somebody has chosen": {plain: true, host: "localhost", query: "sslmode=prefer", encrypted: "false"},
	} {
		t.Run(what, func(t *testing.T) {
			address := secure.URL(name)
			if test.plain {
				address = server.URL(plainName)
			}
			o := store.Options{URL: changed(t, address, func(u *url.URL) { u.Host, u.RawQuery = test.host+":"+u.Port(), test.query })}
			if test.want != "" {
				if said := refusal(t, o); !strings.Contains(said, test.want) || strings.Contains(said, postgres.Password) {
					t.Errorf("got %q, want it to say %q", said, test.want)
				}
				return
			}
			s := open(t, o)
			sql := "SELECT bool_or(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'plumbline'"
			var encrypted string
			if test.plain {
				encrypted = server.SQL(t, "postgres", sql+" AND datname = '"+plainName+"'")
			} else {
				encrypted = secure.SQL(t, "postgres", sql)
			}
			if want := test.encrypted[:1]; encrypted != want {
				t.Errorf("encrypted: %s, want %s", encrypted, want)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestServerThatWantsTLS: somebody who switched TLS off for it is told.
func TestServerThatWantsTLS(t *testing.T) {
	certificate := pki.New(t, "ours").Server()
	strict := postgres.ForTest(t, postgres.Options{CertFile: certificate.CertFile, KeyFile: certificate.KeyFile, OnlyTLS: true})
	if said := refusal(t, store.Options{URL: strict.URL("postgres")}); !strings.Contains(said, "SUPABASE_SSL=require") {
		t.Error(said)
	}
}

// TestSupabaseVariables: unset means TLS, and the authority's file is named beside.
func TestSupabaseVariables(t *testing.T) {
	authority := pki.New(t, "ours")
	certificate := authority.Server(onlyLocalhost)
	secure := postgres.ForTest(t, postgres.Options{CertFile: certificate.CertFile, KeyFile: certificate.KeyFile})
	_, port, _ := strings.Cut(secure.Address(), ":")
	_, plainPort, _ := strings.Cut(server.Address(), ":")
	for what, test := range map[string]struct{ port, mode, file, want string }{
		"unset":           {port: port},
		"unset, no TLS":   {port: plainPort, want: "the server has no TLS"},
		"false":           {port: plainPort, mode: "false"},
		"true":            {port: port, mode: "true"},
		"verified":        {port: port, mode: "verify-full", file: authority.File},
		"verified, wrong": {port: port, mode: "verify-full", file: pki.New(t, "another").File, want: "SUPABASE_SSLROOTCERT"},
	} {
		t.Run(what, func(t *testing.T) {
			address, err := store.FromEnvironment(map[string]string{"SUPABASE_HOST": "localhost", "SUPABASE_PORT": test.port, "SUPABASE_DB": "postgres",
				"SUPABASE_USER": postgres.User, "SUPABASE_PASSWORD": postgres.Password, "SUPABASE_SSL": test.mode, "SUPABASE_SSLROOTCERT": test.file})
			if err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(context.Background(), store.Options{URL: address})
			switch {
			case err == nil && test.want == "":
				s.Close()
			case err == nil:
				s.Close()
				t.Error("opened")
			case test.want == "" || !strings.Contains(err.Error(), test.want):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
