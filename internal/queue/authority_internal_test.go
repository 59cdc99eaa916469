package queue

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"
)

// certificateAt is the listener's certificate at a time, for a worker that came by an address of the host.
func certificateAt(t *testing.T, a *authority, now time.Time, host string) *tls.Certificate {
	t.Helper()
	a.now = func() time.Time { return now }
	c, err := a.certificate(&tls.ClientHelloInfo{Conn: arrived{host: host}})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, DNSName: host}); err != nil {
		t.Errorf("at %s by %s: %v", now, host, err)
	}
	return c
}

// arrived is a connection that came to an address of the host.
type arrived struct {
	net.Conn
	host string
}

func (a arrived) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(a.host)} }

func TestListenersCertificateIsRenewedBeforeItEnds(t *testing.T) {
	dir := t.TempDir()
	first, err := openAuthority(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := openAuthority(dir, []string{"hub.test", "203.0.113.7"}) // as at the next start
	if err != nil {
		t.Fatal(err)
	}
	if a.fingerprint() != first.fingerprint() {
		t.Error("another start has another authority")
	}
	began := time.Now()
	c := certificateAt(t, a, began, "127.0.0.1")
	if certificateAt(t, a, began.Add(certificateAge-renewBefore-time.Hour), "127.0.0.1") != c {
		t.Error("it is renewed too soon")
	}
	if certificateAt(t, a, began.Add(certificateAge-renewBefore+time.Hour), "127.0.0.1") == c {
		t.Error("it is not renewed")
	}
	if certificateAt(t, a, began, "198.51.100.9") == c { // an address that the host did not have before
		t.Error("it is not made for a new address")
	}
	for _, host := range []string{"hub.test", "203.0.113.7", "localhost"} {
		if err := c.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
}
