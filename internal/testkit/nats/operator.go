package nats

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// Operated starts a server that knows its users by signed tokens (an operator, one account with JetStream, one user), and
// gives the user's credentials file.
func Operated(t testing.TB) (s *Server, credentials string) {
	t.Helper()
	operator, account, user := pair(t, nkeys.CreateOperator), pair(t, nkeys.CreateAccount), pair(t, nkeys.CreateUser)
	claims := jwt.NewAccountClaims(public(t, account))
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	signed := encoded(t, claims, operator)
	trusted, err := jwt.DecodeOperatorClaims(encoded(t, jwt.NewOperatorClaims(public(t, operator)), operator))
	if err != nil {
		t.Fatal(err)
	}
	resolver, system := &server.MemAccResolver{}, pair(t, nkeys.CreateAccount)
	for name, text := range map[string]string{
		public(t, account): signed, public(t, system): encoded(t, jwt.NewAccountClaims(public(t, system)), operator),
	} {
		if err := resolver.Store(name, text); err != nil {
			t.Fatal(err)
		}
	}
	s = Start(t, func(o *server.Options) {
		o.TrustedOperators, o.AccountResolver, o.MaxPayload = []*jwt.OperatorClaims{trusted}, resolver, 9<<20
		o.SystemAccount = public(t, system) // JetStream wants one
	})
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.FormatUserConfig(encoded(t, jwt.NewUserClaims(public(t, user)), account), seed)
	if err != nil {
		t.Fatal(err)
	}
	credentials = filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(credentials, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s, credentials
}

func pair(t testing.TB, create func() (nkeys.KeyPair, error)) nkeys.KeyPair {
	t.Helper()
	k, err := create()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func public(t testing.TB, k nkeys.KeyPair) string {
	t.Helper()
	name, err := k.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func encoded(t testing.TB, claims interface {
	Encode(kp nkeys.KeyPair) (string, error)
}, by nkeys.KeyPair) string {
	t.Helper()
	text, err := claims.Encode(by)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
