package dial_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline/internal/mqtt/dial"
	"plumbline/internal/mqtt/ws"
	"plumbline/internal/testkit/pki"
)

func TestURL(t *testing.T) {
	for url, want := range map[string]string{
		"hub":                       "mqtt://hub:1883",
		"hub:1":                     "mqtt://hub:1",
		"tcp://hub":                 "mqtt://hub:1883",
		"mqtt://hub/":               "mqtt://hub:1883/",
		"mqtts://hub":               "mqtts://hub:8883",
		"ssl://hub":                 "mqtts://hub:8883",
		"mqtts://pi1@[2001:db8::1]": "mqtts://[2001:db8::1]:8883",
		"ws://hub":                  "ws://hub:80/mqtt",
		"ws://hub:8083/":            "ws://hub:8083/mqtt",
		"wss://hub/broker?a=b":      "wss://hub:443/broker?a=b",
	} {
		d, err := dial.New(url, dial.TLS{})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if d.String() != want {
			t.Errorf("%s reads %s, want %s", url, d, want)
		}
		if user := d.User(); (user == "pi1") != strings.Contains(url, "pi1@") {
			t.Errorf("%s: user %q", url, user)
		}
	}
}

func TestRefusedSettings(t *testing.T) {
	ca := pki.New(t, "authority")
	client, other, nothing := ca.Client("pi1"), ca.Client("pi2"), filepath.Join(t.TempDir(), "nothing")
	if err := os.WriteFile(nothing, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		url  string
		tls  dial.TLS
		want string
	}{
		"another protocol":        {"http://hub", dial.TLS{}, "want mqtt://"},
		"no host":                 {"mqtts://", dial.TLS{}, "names no host"},
		"a port beyond":           {"mqtt://hub:99999", dial.TLS{}, "from 1 to 65535"},
		"a path":                  {"mqtt://hub/path", dial.TLS{}, "no path"},
		"a password":              {"mqtts://pi1:secret@hub", dial.TLS{}, "file"},
		"no URL":                  {"mqtt://pi1:secret@hub:port", dial.TLS{}, "port"},
		"certificates for naught": {"ws://hub", dial.TLS{CAFile: ca.File}, "wss://"},
		"no such file":            {"wss://hub", dial.TLS{CAFile: "/no/such"}, "/no/such"},
		"no authority inside":     {"mqtts://hub", dial.TLS{CAFile: nothing}, "no certificate"},
		"certificate without key": {"mqtts://hub", dial.TLS{CertFile: client.CertFile}, "two files"},
		"key of another":          {"mqtts://hub", dial.TLS{CertFile: client.CertFile, KeyFile: other.KeyFile}, "does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dial.New(c.url, c.tls)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// echo answers every byte on all four transports, and gives the URL of each.
func echo(t *testing.T, config *tls.Config) map[string]string {
	t.Helper()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secured, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	webTLS, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, plain, answer)
	serve(t, secured, answer)
	serve(t, web, answerWeb)
	serve(t, webTLS, answerWeb)
	return map[string]string{
		"mqtt": "mqtt://" + plain.Addr().String(), "mqtts": "mqtts://" + secured.Addr().String(),
		"ws": "ws://" + web.Addr().String(), "wss": "wss://" + webTLS.Addr().String(),
	}
}

func serve(t *testing.T, l net.Listener, answer func(net.Conn)) {
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(c)
		}
	}()
}

func answerWeb(c net.Conn) {
	defer c.Close()
	if opened, err := ws.Accept(c, func(*http.Request) bool { return true }); err == nil {
		answer(opened)
	}
}

func answer(c net.Conn) {
	defer c.Close()
	_, _ = io.Copy(c, c)
}

func serverConfig(t *testing.T, ca *pki.Authority, server pki.Certificate) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(server.CertFile, server.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AddCert(ca.X509)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert}
}

func TestTransports(t *testing.T) {
	ca := pki.New(t, "authority")
	client := ca.Client("pi1")
	for scheme, url := range echo(t, serverConfig(t, ca, ca.Server())) {
		t.Run(scheme, func(t *testing.T) {
			files := dial.TLS{CAFile: ca.File, CertFile: client.CertFile, KeyFile: client.KeyFile}
			if scheme == "mqtt" || scheme == "ws" {
				files = dial.TLS{}
			}
			c := open(t, url, files)
			sent := strings.Repeat("a stream has no boundaries", 10_000)
			go func() { _, _ = io.Copy(c, strings.NewReader(sent)) }()
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(c, got); err != nil || string(got) != sent {
				t.Errorf("%v, or other bytes came back", err)
			}
		})
	}
}

func open(t *testing.T, url string, files dial.TLS) net.Conn {
	t.Helper()
	d, err := dial.New(url, files)
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestUntrustedBroker(t *testing.T) {
	ca, stranger := pki.New(t, "authority"), pki.New(t, "stranger")
	urls := echo(t, serverConfig(t, ca, ca.Server()))
	expired := echo(t, serverConfig(t, ca, ca.Server(pki.Expired)))
	elsewhere := echo(t, serverConfig(t, ca, ca.Server(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"hub.example"} })))
	client := ca.Client("pi1")
	for name, c := range map[string]struct{ url, ca, want string }{
		"the system's authorities":   {urls["mqtts"], "", "--mqtt-ca"},
		"another authority":          {urls["mqtts"], stranger.File, "--mqtt-ca"},
		"another authority over wss": {urls["wss"], stranger.File, "--mqtt-ca"},
		"expired":                    {expired["mqtts"], ca.File, "dates"},
		"another name":               {elsewhere["wss"], ca.File, "not for this name"},
		"no TLS there":               {"mqtts" + strings.TrimPrefix(urls["ws"], "ws"), ca.File, "does not speak TLS"},
		"no websocket there":         {urls["wss"] + "/elsewhere", ca.File, "404"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := dial.New(strings.TrimSuffix(c.url, "/mqtt"), dial.TLS{CAFile: c.ca, CertFile: client.CertFile, KeyFile: client.KeyFile})
			if err != nil {
				t.Fatal(err)
			}
			conn, err := d.Dial(t.Context())
			if err == nil {
				_ = conn.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// In TLS 1.3 a client learns that its certificate is refused from its first read only.
func TestRefusedClientCertificate(t *testing.T) {
	ca, stranger := pki.New(t, "authority"), pki.New(t, "stranger")
	urls := echo(t, serverConfig(t, ca, ca.Server()))
	for name, c := range map[string]struct {
		client pki.Certificate
		want   string
	}{
		"none":              {pki.Certificate{}, "--mqtt-client-cert"},
		"another authority": {stranger.Client("pi1"), "authority of this client's certificate"},
		"expired":           {ca.Client("pi1", pki.Expired), "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := open(t, urls["mqtts"], dial.TLS{CAFile: ca.File, CertFile: c.client.CertFile, KeyFile: c.client.KeyFile})
			_, err := conn.Read(make([]byte, 1))
			if err = dial.Explain(err); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
