// Package dial connects to an MQTT broker by its URL: plain, over TLS, over a websocket or over both, with authorities and a
// certificate of one's own. It ends where MQTT begins: whoever uses it logs in over the connection that it gives.
package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"plumbline/internal/mqtt/ws"
)

// TLS names the files of a secured connection; all may be empty.
type TLS struct {
	CAFile   string // PEM certificates of the authorities to trust, in place of the system's
	CertFile string // PEM certificate, with its chain, that the client shows
	KeyFile  string // its key
}

func (t TLS) given() bool { return t != TLS{} }

// timeout bounds a connection's making, the TLS and websocket handshakes included.
const timeout = 10 * time.Second

// Dialer connects to one broker. Its files are read for every connection, so that renewed ones are taken up.
type Dialer struct {
	url *url.URL // with scheme (mqtt, mqtts, ws, wss), host and port
	tls TLS
}

// schemes are those that are known, under their main name.
var schemes = map[string]string{
	"mqtt": "mqtt", "tcp": "mqtt", "mqtts": "mqtts", "ssl": "mqtts", "tls": "mqtts", "ws": "ws", "wss": "wss",
}

var defaultPorts = map[string]string{"mqtt": "1883", "mqtts": "8883", "ws": "80", "wss": "443"}

// New checks the broker's URL, such as mqtts://user@host:8883 or wss://host/mqtt, and the files. A host alone is
// mqtt://host:1883.
func New(broker string, t TLS) (*Dialer, error) {
	text := broker
	if !strings.Contains(text, "://") {
		text = "mqtt://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("broker %q: %w", redacted(broker), errors.Unwrap(err))
	}
	scheme, known := schemes[u.Scheme]
	_, password := u.User.Password()
	switch {
	case password:
		return nil, fmt.Errorf("broker %q: a password does not belong into the URL, where other users of the machine can read it; give it in the environment or in a file", u.Redacted())
	case !known:
		return nil, fmt.Errorf("broker %q: want mqtt://, mqtts://, ws:// or wss://host:port", broker)
	case u.Hostname() == "":
		return nil, fmt.Errorf("broker %q: it names no host", broker)
	case u.Port() != "" && !isPort(u.Port()):
		return nil, fmt.Errorf("broker %q: its port must be a number from 1 to 65535", broker)
	case (scheme == "mqtt" || scheme == "mqtts") && strings.Trim(u.Path, "/") != "":
		return nil, fmt.Errorf("broker %q: %s has no path", broker, scheme)
	}
	complete(u, scheme)
	d := &Dialer{url: u, tls: t}
	if t.given() && !d.Secure() {
		return nil, fmt.Errorf("broker %q: an authority or a certificate is given, but the connection is not secured; want mqtts:// or wss://", broker)
	}
	_, err = d.config()
	return d, err
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

func complete(u *url.URL, scheme string) {
	u.Scheme = scheme
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), defaultPorts[scheme])
	}
	if (scheme == "ws" || scheme == "wss") && strings.Trim(u.Path, "/") == "" {
		u.Path = ws.Path
	}
}

// redacted leaves what may be a password out of something that is no URL.
func redacted(s string) string {
	if i := strings.LastIndex(s, "@"); i >= 0 {
		return "…" + s[i:]
	}
	return s
}

// User is the name in the URL; empty without one.
func (d *Dialer) User() string { return d.url.User.Username() }

// Address is host:port.
func (d *Dialer) Address() string { return d.url.Host }

// Secure says whether the connection is over TLS.
func (d *Dialer) Secure() bool { return d.url.Scheme == "mqtts" || d.url.Scheme == "wss" }

// Websocket says whether the connection is over a websocket.
func (d *Dialer) Websocket() bool { return d.url.Scheme == "ws" || d.url.Scheme == "wss" }

// String is the whole URL, without a user.
func (d *Dialer) String() string {
	u := *d.url
	u.User = nil
	return u.String()
}

// Dial connects. The errors say what a person can do; Explain does the same for what comes later.
func (d *Dialer) Dial(ctx context.Context) (net.Conn, error) {
	config, err := d.config()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := d.open(ctx, config)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("no MQTT broker listens on %s: %w", d.Address(), err)
	case d.Secure() && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return nil, fmt.Errorf("the MQTT broker at %s ended the TLS handshake; does it speak TLS on this port? %w", d, err)
	case err != nil:
		return nil, fmt.Errorf("connecting to the MQTT broker at %s: %w", d, Explain(err))
	}
	return conn, nil
}

func (d *Dialer) open(ctx context.Context, config *tls.Config) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: timeout}
	switch d.url.Scheme {
	case "mqtt":
		return dialer.DialContext(ctx, "tcp", d.Address())
	case "mqtts":
		return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, "tcp", d.Address())
	default:
		return ws.Dialer{TLS: config, Timeout: timeout}.Dial(ctx, d.String())
	}
}
