package queue

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
)

// dialTimeout bounds one attempt to reach a hub.
const dialTimeout = 5 * time.Second

// hubAddress takes nats://host:port (or tls://, or host:port alone) apart; the port is NATS's own when none is given.
func hubAddress(text string) (host, address string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		u, err = url.Parse("nats://" + text)
	}
	if err != nil || u.Hostname() == "" || (u.Scheme != "nats" && u.Scheme != "tls") {
		return "", "", errors.New("this is no address of a hub: give nats://HOST:PORT")
	}
	if u.User != nil {
		return "", "", errors.New("a hub's address has no user or password: give nats://HOST:PORT, and the token file")
	}
	port := u.Port()
	if port == "" {
		port = "4222"
	}
	return u.Hostname(), net.JoinHostPort(u.Hostname(), port), nil
}

// dialListener joins a hub's own listener, once. Errors that no repetition mends are of type refusedError.
func dialListener(text string, t token, options ...nats.Option) (*nats.Conn, error) {
	host, address, err := hubAddress(text)
	if err != nil {
		return nil, refusedError{misuse{err}}
	}
	name := rand.Text()
	all := append([]nats.Option{
		nats.UserInfo(name, t.secret), nats.CustomInboxPrefix(inboxOf(name)),
		nats.Secure(t.tlsConfig(host)), nats.TLSHandshakeFirst(), nats.Timeout(dialTimeout),
	}, options...)
	nc, err := nats.Connect("tls://"+address, all...)
	switch {
	case err == nil:
		return nc, nil
	case errors.Is(err, nats.ErrAuthorization):
		return nil, refusedError{fmt.Errorf("the hub at %s refuses the token: copy its token file to this machine again", address)}
	case errors.Is(err, errOtherHub), errors.As(err, new(*wrongNameError)):
		return nil, refusedError{fmt.Errorf("joining the hub at %s: %w", address, err)}
	}
	return nil, fmt.Errorf("reaching the hub at %s: %w", address, err)
}

// refusedError is one that no repetition mends.
type refusedError struct{ error }

func (e refusedError) Unwrap() error { return e.error }
