package broker_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline/internal/mqtt/broker"
	"plumbline/internal/testkit/pki"
)

// secured are the ways on which a client can show a certificate.
var secured = []string{"mqtts", "wss"}

// show logs in with a certificate; the answer is still to be read.
func show(t *testing.T, b *started, scheme string, cert pki.Certificate, l login) *wire {
	t.Helper()
	w := (&wire{t: t, version: 5}).over(b.open(t, scheme, cert))
	w.login(l)
	return w
}

func startWithAuthority(t *testing.T, o broker.Options) (*started, *pki.Authority) {
	t.Helper()
	devices := pki.New(t, "devices")
	o.TLS.ClientCAFile = devices.File
	return start(t, o), devices
}

func TestCertificateInPlaceOfPassword(t *testing.T) {
	in, p := newInbox(), accounts(t)
	b, ca := startWithAuthority(t, broker.Options{Handle: in.handle, Users: p})
	dnsOnly := func(c *x509.Certificate) { c.DNSNames = []string{"pi8"} }
	for _, scheme := range secured {
		for name, c := range map[string]struct {
			cert    pki.Certificate
			login   login
			topic   string
			publish byte // reason code
			filter  string
			granted bool
		}{
			"its own topics":              {ca.Client("pi7"), login{id: "x"}, "images/pi7", 0, "posture/pi7", true},
			"another's topics":            {ca.Client("pi7"), login{id: "x"}, "images/pi1", 0x87, "posture/pi1", false},
			"everybody's":                 {ca.Client("pi7"), login{id: "x"}, "images/x/pi7", 0x87, "posture/#", false},
			"whatever name it says it is": {ca.Client("pi7"), login{id: "x", user: "pi1", password: "guess"}, "images/pi1", 0x87, "posture/pi7", true},
			"even with a right password":  {ca.Client("pi7"), p.as("pi1"), "images/pi1", 0x87, "posture/pi7", true},
			"an account makes it viewer":  {ca.Client("nurse"), login{id: "x"}, "images/nurse", 0x87, "posture/#", true},
			"named by a DNS name":         {ca.Client("", dnsOnly), login{id: "x"}, "images/pi8", 0, "posture/pi8", true},
			"a common name comes first":   {ca.Client("pi7", dnsOnly), login{id: "x"}, "images/pi8", 0x87, "posture/pi7", true},
		} {
			t.Run(scheme+" "+name, func(t *testing.T) {
				w := show(t, b, scheme, c.cert, c.login)
				if p := w.read(); p.kind != connack || p.body[1] != 0 {
					t.Fatalf("answer to CONNECT: %d % x", p.kind, p.body)
				}
				w.publish(0, 1, c.topic, 3, []byte("x"))
				if reason := w.expectAck(puback, 3); reason != c.publish {
					t.Errorf("publishing on %s: reason %#x, want %#x", c.topic, reason, c.publish)
				}
				if got := w.subscribe(c.filter); got != c.granted {
					t.Errorf("reading %s: %v", c.filter, got)
				}
			})
		}
	}
}

func TestCertificateWithoutAName(t *testing.T) {
	log := &logBuffer{}
	b, ca := startWithAuthority(t, broker.Options{Handle: newInbox().handle, Logger: slog.New(slog.NewTextHandler(log, nil))})
	for name, cert := range map[string]pki.Certificate{
		"none":           ca.Client(""),
		"two":            ca.Client("", func(c *x509.Certificate) { c.DNSNames = []string{"pi1", "pi2"} }),
		"not a device's": ca.Client("images/#"),
	} {
		t.Run(name, func(t *testing.T) {
			w := show(t, b, "mqtts", cert, login{id: "x"})
			if p := w.read(); p.kind != connack || p.body[1] == 0 {
				t.Errorf("answer to CONNECT: %d % x", p.kind, p.body)
			}
		})
	}
	for _, want := range []string{"no common name", "not possible in a name"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
}

// A client whose certificate is refused gets no further than the handshake.
func TestRefusedCertificates(t *testing.T) {
	revoked := filepath.Join(t.TempDir(), "revoked.crl")
	devices := pki.New(t, "devices")
	stolen := devices.Client("pi9")
	devices.Revoke(revoked, stolen)
	b := start(t, broker.Options{Handle: newInbox().handle, TLS: broker.TLS{ClientCAFile: devices.File, RevokedFile: revoked}})
	for _, scheme := range secured {
		for name, cert := range map[string]pki.Certificate{
			"none":                {},
			"another authority's": pki.New(t, "devices").Client("pi1"),
			"expired":             devices.Client("pi1", pki.Expired),
			"of a server":         devices.Server(),
			"revoked":             stolen,
		} {
			t.Run(scheme+" "+name, func(t *testing.T) {
				if welcomed(t, b, scheme, cert) {
					t.Error("it lets a client in")
				}
			})
		}
		if !welcomed(t, b, scheme, devices.Client("pi1")) {
			t.Error("a good certificate is refused, too")
		}
	}
}

// welcomed says whether a client gets an answer to CONNECT.
func welcomed(t *testing.T, b *started, scheme string, cert pki.Certificate) bool {
	t.Helper()
	d, err := b.dialer(scheme, cert)
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Dial(t.Context())
	if err != nil {
		return false
	}
	defer c.Close()
	w := (&wire{t: t, version: 5}).over(c)
	_, _ = c.Write(append([]byte{connectByte, 13}, append(str("MQTT"), 5, 2, 0, 60, 0, 0, 0)...))
	return w.read().kind == connack
}

func TestOptionalCertificates(t *testing.T) {
	in, p := newInbox(), accounts(t)
	b, ca := startWithAuthority(t, broker.Options{Handle: in.handle, Users: p, TLS: broker.TLS{Optional: true}})
	for name, c := range map[string]struct {
		cert    pki.Certificate
		login   login
		topic   string
		connect byte
	}{
		"a certificate":   {ca.Client("pi7"), login{id: "x"}, "images/pi7", 0},
		"a password":      {pki.Certificate{}, p.as("pi1"), "images/pi1", 0},
		"a wrong one":     {pki.Certificate{}, login{id: "x", user: "pi1", password: "guess"}, "", 0x86},
		"neither, nearby": {pki.Certificate{}, login{id: "x"}, "images/pi1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := show(t, b, "mqtts", c.cert, c.login)
			if p := w.read(); p.kind != connack || p.body[1] != c.connect {
				t.Fatalf("answer to CONNECT: %d % x", p.kind, p.body)
			}
			if c.topic == "" {
				return
			}
			w.publish(0, 1, c.topic, 3, []byte("x"))
			if reason := w.expectAck(puback, 3); reason != 0 {
				t.Errorf("reason %#x", reason)
			}
		})
	}
	if welcomed(t, b, "mqtts", pki.New(t, "devices").Client("pi7")) {
		t.Error("a wrong certificate passes as none")
	}
}

// A camera that was stolen loses its rights while it is connected.
func TestRevokedWhileConnected(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "revoked.crl")
	devices := pki.New(t, "devices")
	devices.Revoke(list)
	b := start(t, broker.Options{Handle: newInbox().handle, TLS: broker.TLS{ClientCAFile: devices.File, RevokedFile: list}})
	stolen := devices.Client("pi1")
	w := show(t, b, "mqtts", stolen, login{id: "x"})
	if p := w.read(); p.kind != connack || p.body[1] != 0 {
		t.Fatalf("answer to CONNECT: %d % x", p.kind, p.body)
	}
	w.publish(0, 1, "images/pi1", 1, []byte("x"))
	if reason := w.expectAck(puback, 1); reason != 0 {
		t.Fatalf("reason %#x before it was revoked", reason)
	}
	devices.Revoke(list, stolen)
	eventually(t, "the revoked certificate to be refused", func() bool {
		w.publish(0, 1, "images/pi1", 1, []byte("x"))
		return w.expectAck(puback, 1) == 0x87
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// Renewing writes the certificate and then the key: in between they do not fit, and the old ones stay.
func TestRenewedCertificate(t *testing.T) {
	t.Parallel()
	ca, log := pki.New(t, "authority"), &logBuffer{}
	old, next := ca.Server(), ca.Server()
	files := broker.TLS{CertFile: filepath.Join(t.TempDir(), "tls.crt"), KeyFile: filepath.Join(t.TempDir(), "tls.key")}
	replace(t, old.CertFile, files.CertFile)
	replace(t, old.KeyFile, files.KeyFile)
	b := start(t, broker.Options{Handle: newInbox().handle, TLS: files, Logger: slog.New(slog.NewTextHandler(log, nil))})
	b.ca = ca
	long := connect(t, b, client{5, "wss"}, login{id: "long"})

	replace(t, next.CertFile, files.CertFile)
	eventually(t, "the half-written pair to be noticed", func() bool {
		return shown(t, b) == old.X509.SerialNumber.String() && strings.Contains(log.String(), "the old ones stay")
	})
	replace(t, next.KeyFile, files.KeyFile)
	eventually(t, "the renewed certificate", func() bool { return shown(t, b) == next.X509.SerialNumber.String() })
	long.ping() // who is connected stays so
}

// replace puts a copy in place of a file, at once.
func replace(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(to+".new", to); err != nil {
		t.Fatal(err)
	}
}

func TestUnusableFiles(t *testing.T) {
	ca, other := pki.New(t, "authority"), pki.New(t, "other")
	server, list, foreign := ca.Server(), filepath.Join(t.TempDir(), "list"), filepath.Join(t.TempDir(), "foreign")
	ca.Revoke(list)
	other.Revoke(foreign)
	sealed := filepath.Join(t.TempDir(), "sealed.key")
	if err := os.WriteFile(sealed, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII=\n-----END ENCRYPTED PRIVATE KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := server.CertFile, server.KeyFile
	for name, c := range map[string]struct {
		files  broker.TLS
		listen string // for MQTT over TLS
		want   string
	}{
		"certificate without key":     {broker.TLS{CertFile: cert}, "127.0.0.1:0", "only one of them"},
		"key without certificate":     {broker.TLS{KeyFile: key}, "127.0.0.1:0", "only one of them"},
		"no certificate":              {broker.TLS{}, "127.0.0.1:0", "--mqtt-tls-cert"},
		"no listener":                 {broker.TLS{CertFile: cert, KeyFile: key}, "", "--mqtt-tls-listen"},
		"authority, no certificate":   {broker.TLS{ClientCAFile: ca.File}, "", "--mqtt-tls-cert"},
		"revoked, no authority":       {broker.TLS{CertFile: cert, KeyFile: key, RevokedFile: list}, "127.0.0.1:0", "--mqtt-tls-client-ca"},
		"optional, no authority":      {broker.TLS{CertFile: cert, KeyFile: key, Optional: true}, "127.0.0.1:0", "--mqtt-tls-client-ca"},
		"key of another":              {broker.TLS{CertFile: cert, KeyFile: ca.Server().KeyFile}, "127.0.0.1:0", "cannot be used together"},
		"exchanged":                   {broker.TLS{CertFile: key, KeyFile: cert}, "127.0.0.1:0", "cannot be used together"},
		"sealed key":                  {broker.TLS{CertFile: cert, KeyFile: sealed}, "127.0.0.1:0", "pass phrase"},
		"no such file":                {broker.TLS{CertFile: "/no/such", KeyFile: key}, "127.0.0.1:0", "/no/such"},
		"authority without any":       {broker.TLS{CertFile: cert, KeyFile: key, ClientCAFile: key}, "127.0.0.1:0", "holds none"},
		"list without any":            {broker.TLS{CertFile: cert, KeyFile: key, ClientCAFile: ca.File, RevokedFile: key}, "127.0.0.1:0", "holds none"},
		"list of another authority":   {broker.TLS{CertFile: cert, KeyFile: key, ClientCAFile: ca.File, RevokedFile: foreign}, "127.0.0.1:0", "none of the clients' authorities"},
		"unreadable, being a folder":  {broker.TLS{CertFile: cert, KeyFile: key, ClientCAFile: t.TempDir()}, "127.0.0.1:0", "is a directory"},
		"an address without its port": {broker.TLS{CertFile: cert, KeyFile: key}, "127.0.0.1", "host:port"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := broker.Start(broker.Options{Handle: newInbox().handle, Listen: "127.0.0.1:0", TLSListen: c.listen, TLS: c.files})
			if err == nil {
				_ = b.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestExpiredCertificateIsToldOf(t *testing.T) {
	log := &logBuffer{}
	server := pki.New(t, "authority").Server(pki.Expired)
	start(t, broker.Options{
		Handle: newInbox().handle, TLS: broker.TLS{CertFile: server.CertFile, KeyFile: server.KeyFile}, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if !strings.Contains(log.String(), "not valid now") || !strings.Contains(log.String(), server.CertFile) {
		t.Errorf("the log says %q", log)
	}
}

func TestListenersBeyondLoopback(t *testing.T) {
	ca := pki.New(t, "authority")
	server := ca.Server()
	files := broker.TLS{CertFile: server.CertFile, KeyFile: server.KeyFile}
	asking := files
	asking.ClientCAFile = ca.File
	const everywhere = "0.0.0.0:0"
	for name, c := range map[string]struct {
		options broker.Options
		refused bool
	}{
		"TLS":                              {broker.Options{TLSListen: everywhere, TLS: files}, true},
		"TLS with certificates":            {broker.Options{TLSListen: everywhere, TLS: asking}, false},
		"TLS with users":                   {broker.Options{TLSListen: everywhere, TLS: files, Users: accounts(t)}, false},
		"TLS, anonymous":                   {broker.Options{TLSListen: everywhere, TLS: files, Anonymous: true}, false},
		"websockets":                       {broker.Options{WSListen: everywhere}, true},
		"websockets, others' certificates": {broker.Options{WSListen: everywhere, TLSListen: everywhere, TLS: asking}, true},
		"wss":                              {broker.Options{WSSListen: everywhere, TLS: files}, true},
		"wss with certificates":            {broker.Options{WSSListen: everywhere, TLS: asking}, false},
		"plain, others' certificates":      {broker.Options{Listen: everywhere, WSSListen: everywhere, TLS: asking}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.options.Validate(); (err != nil) != c.refused {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Where only certificates let clients in, a client without one is refused, even if certificates are optional.
func TestNobodyWithoutCertificateBeyondLoopback(t *testing.T) {
	ca := pki.New(t, "authority")
	server := ca.Server()
	b, err := broker.Start(broker.Options{
		Handle: newInbox().handle, TLSListen: "0.0.0.0:0", CloseGrace: time.Second,
		TLS: broker.TLS{CertFile: server.CertFile, KeyFile: server.KeyFile, ClientCAFile: ca.File, Optional: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w := show(t, &started{b, ca}, "mqtts", pki.Certificate{}, login{id: "x"})
	if p := w.read(); p.kind != connack || p.body[1] == 0 {
		t.Errorf("answer to CONNECT: %d % x", p.kind, p.body)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	b := start(t, broker.Options{Handle: newInbox().handle})
	roots := x509.NewCertPool()
	roots.AddCert(b.ca.X509)
	for _, scheme := range secured {
		address := strings.TrimSuffix(strings.TrimPrefix(b.url(t, scheme), scheme+"://"), "/mqtt")
		for version, fine := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
			c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version})
			if err == nil {
				_ = c.Close()
			}
			if (err == nil) != fine {
				t.Errorf("%s, %s: %v", scheme, tls.VersionName(version), err)
			}
		}
	}
}
