package queue

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// shortestSecret is the least length of a token that somebody made by hand.
const shortestSecret = 20

// token is what lets workers join a hub's own listener: a secret by which the hub knows them, and the fingerprint of the
// authority by which they know the hub. It travels as a file.
type token struct {
	secret    string
	authority [sha256.Size]byte
}

const tokenText = `# Lets plumbline work join a hub (work --nats nats://HOST:PORT --nats-token-file THIS_FILE).
# Whoever has this file can claim pictures and hand results in: keep it as you keep a password.
token: %s
authority: sha256:%x
`

// openToken reads the hub's token, or makes the file at the first start.
func openToken(name string, a *authority) (token, error) {
	t, err := readToken(name)
	if errors.Is(err, fs.ErrNotExist) {
		return makeToken(name, a.fingerprint())
	}
	if err != nil {
		return t, err
	}
	if t.authority != a.fingerprint() {
		return t, fmt.Errorf("the token file %s is not of this hub, whose authority is sha256:%x: remove the file to have one made, then copy it to the workers again",
			name, a.fingerprint())
	}
	return t, nil
}

// newToken has a secret that nobody knows yet.
func newToken(authority [sha256.Size]byte) token {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return token{base64.RawURLEncoding.EncodeToString(secret), authority}
}

// file is the token as its file says it.
func (t token) file() []byte { return fmt.Appendf(nil, tokenText, t.secret, t.authority) }

func makeToken(name string, authority [sha256.Size]byte) (token, error) {
	t := newToken(authority)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return t, fmt.Errorf("making the token file's folder: %w", err)
	}
	return t, writePrivate(name, t.file())
}

func readToken(name string) (token, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return token{}, fmt.Errorf("reading the token file: %w", err)
	}
	t, err := parseToken(string(text))
	if err != nil {
		return t, fmt.Errorf("the token file %s: %w; the hub makes a whole one when it finds none", name, err)
	}
	return t, nil
}

// parseToken reads what makeToken wrote. Its errors never hold what the text says: it may be a secret.
func parseToken(text string) (t token, err error) {
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "token":
			t.secret = value
		case "authority":
			digest, ok := strings.CutPrefix(value, "sha256:")
			raw, err := hex.DecodeString(digest)
			if !ok || err != nil || len(raw) != sha256.Size {
				return token{}, errors.New("its authority is not sha256: and 64 hexadecimal digits")
			}
			t.authority = [sha256.Size]byte(raw)
		default:
			return token{}, fmt.Errorf("line %d is neither token nor authority", n+1)
		}
	}
	switch {
	case len(t.secret) < shortestSecret:
		return token{}, fmt.Errorf("its token has %d characters, it needs %d at least", len(t.secret), shortestSecret)
	case t.authority == [sha256.Size]byte{}:
		return token{}, errors.New("it has no line authority")
	}
	return t, nil
}

// errOtherHub says that whoever answers is not the hub that made the token file.
var errOtherHub = errors.New("whoever answers there is not the hub that made the token file: its certificate authority is another one")

// wrongNameError says that the hub's certificate is for other names than the one it was called by.
type wrongNameError struct {
	host string
	err  error
}

func (e *wrongNameError) Error() string {
	return fmt.Sprintf("the hub does not know that it is called %s (%v): start it with --nats-host %s", e.host, e.err, e.host)
}

func (e *wrongNameError) Unwrap() error { return e.err }

// tlsConfig trusts the hub's authority and no other, for a hub that is called host.
func (t token) tlsConfig(host string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: host,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection does what it must: the system's authorities know nothing of ours
		VerifyConnection: func(cs tls.ConnectionState) error {
			roots := x509.NewCertPool()
			found := false
			for _, c := range cs.PeerCertificates {
				if sha256.Sum256(c.Raw) == t.authority {
					roots.AddCert(c)
					found = true
				}
			}
			if !found {
				return errOtherHub
			}
			_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: host, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
			if errors.As(err, new(x509.HostnameError)) {
				return &wrongNameError{host, err}
			}
			return err
		},
	}
}
