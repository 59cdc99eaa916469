// Package pki makes certificates for tests: an authority of its own, and what it signs, as PEM files in a folder of the test.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates.
type Authority struct {
	File string // its own certificate
	X509 *x509.Certificate

	t      testing.TB
	dir    string
	key    *ecdsa.PrivateKey
	serial int64
}

// Certificate is one that an authority has signed, and its key.
type Certificate struct {
	CertFile, KeyFile string
	X509              *x509.Certificate
}

// New makes an authority.
func New(t testing.TB, name string) *Authority {
	t.Helper()
	a := &Authority{t: t, dir: t.TempDir(), serial: 1}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	a.X509 = a.sign(template, template, a.key)
	a.File = filepath.Join(a.dir, "ca.crt")
	writePEM(t, a.File, "CERTIFICATE", a.X509.Raw)
	return a
}

// Server makes a certificate for this machine's loopback addresses.
func (a *Authority) Server(changes ...func(*x509.Certificate)) Certificate {
	a.t.Helper()
	return a.issue("server", append([]func(*x509.Certificate){func(c *x509.Certificate) {
		c.Subject.CommonName, c.DNSNames = "hub", []string{"localhost"}
		c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}}, changes...))
}

// Client makes a certificate whose common name is name.
func (a *Authority) Client(name string, changes ...func(*x509.Certificate)) Certificate {
	a.t.Helper()
	return a.issue("client", append([]func(*x509.Certificate){func(c *x509.Certificate) {
		c.Subject.CommonName, c.ExtKeyUsage = name, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}}, changes...))
}

// Expired is a change to a certificate: it was valid until a minute ago.
func Expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }

func (a *Authority) issue(kind string, changes []func(*x509.Certificate)) Certificate {
	a.t.Helper()
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	for _, change := range changes {
		change(template)
	}
	key := newKey(a.t)
	name := filepath.Join(a.dir, kind+"-"+big.NewInt(a.serial).String())
	c := Certificate{CertFile: name + ".crt", KeyFile: name + ".key", X509: a.sign(template, a.X509, key)}
	writePEM(a.t, c.CertFile, "CERTIFICATE", c.X509.Raw)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	writePEM(a.t, c.KeyFile, "PRIVATE KEY", der)
	return c
}

// Revoke writes a list of revoked certificates, with these on it, to file.
func (a *Authority) Revoke(file string, revoked ...Certificate) {
	a.t.Helper()
	a.serial++
	list := &x509.RevocationList{Number: big.NewInt(a.serial), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(24 * time.Hour)}
	for _, c := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.X509.SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.X509, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	writePEM(a.t, file, "X509 CRL", der)
}

func (a *Authority) sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
