package queue

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Ages of certificates. They begin a day ago, since the clocks of small machines are late until their network is up.
const (
	authorityAge   = 30 * 365 * 24 * time.Hour
	certificateAge = 90 * 24 * time.Hour
	renewBefore    = certificateAge / 3
	clockLate      = 24 * time.Hour
)

// Names of the files in an authority's folder.
const (
	certFile = "ca.pem"
	keyFile  = "ca.key"
)

// authority is the certificate authority that a hub makes for itself at its first start with a listener. Workers know
// it by its fingerprint, which stands in the token file; so no certificate has to be bought, copied or renewed by hand.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey

	hosts []string // names and addresses that the host is called by, beside those that it has itself
	now   func() time.Time

	mu     sync.Mutex
	served *tls.Certificate // of the listener; made again before it ends
}

// openAuthority reads the authority in dir or makes it.
func openAuthority(dir string, hosts []string) (*authority, error) {
	a := &authority{hosts: hosts, now: time.Now}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, certFile), filepath.Join(dir, keyFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a, a.create(dir)
	case err != nil:
		return nil, fmt.Errorf("reading the listener's certificate authority in %s (remove ca.pem and ca.key there and the token file to have new ones made): %w", dir, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%s holds no certificate authority of ours", dir)
	}
	a.cert, a.key = pair.Leaf, key
	return a, nil
}

// create makes the authority and writes it, the key first: without its certificate it is nothing, and made again.
func (a *authority) create(dir string) error {
	cert, key, err := a.make()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of the certificate authority: %w", err)
	}
	return errors.Join(writePrivate(filepath.Join(dir, keyFile), key), writePrivate(filepath.Join(dir, certFile), cert))
}

// make makes the authority, and gives its certificate and key in PEM.
func (a *authority) make() (cert, key []byte, err error) {
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, fmt.Errorf("making a certificate authority: %w", err)
	}
	raw, err := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "Plumbline hub"}, NotAfter: a.now().Add(authorityAge),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}, a.key)
	if err != nil {
		return nil, nil, err
	}
	if a.cert, err = x509.ParseCertificate(raw); err != nil {
		return nil, nil, fmt.Errorf("making a certificate authority: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("making a certificate authority: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), nil
}

// sign completes a template and signs it, by the authority's certificate once there is one.
func (a *authority) sign(template *x509.Certificate, key *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	template.SerialNumber, template.NotBefore = serial, a.now().Add(-clockLate)
	parent := a.cert
	if parent == nil {
		parent = template
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return raw, nil
}

// fingerprint is what workers know the authority by.
func (a *authority) fingerprint() [sha256.Size]byte { return sha256.Sum256(a.cert.Raw) }

// tlsConfig is the listener's. Both ends are ours, so nothing older than TLS 1.3 has to be spoken.
func (a *authority) tlsConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: a.certificate}
}

// certificate is the listener's certificate, made anew before it ends and when the host is reached by an address that
// it did not have yet.
func (a *authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.served != nil && a.now().Before(a.served.Leaf.NotAfter.Add(-renewBefore)) && isFor(a.served.Leaf, hello.Conn.LocalAddr()) {
		return a.served, nil
	}
	made, err := a.makeCertificate(hello.Conn.LocalAddr())
	if err == nil {
		a.served = made
	}
	return made, err
}

func isFor(c *x509.Certificate, local net.Addr) bool {
	tcp, ok := local.(*net.TCPAddr)
	return !ok || slices.ContainsFunc(c.IPAddresses, tcp.IP.Equal)
}

func (a *authority) makeCertificate(local net.Addr) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	names, addresses := a.called(local)
	raw, err := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "Plumbline hub's listener"}, NotAfter: a.now().Add(certificateAge),
		DNSNames: names, IPAddresses: addresses,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{raw, a.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// called lists what workers may call the host: its name, its addresses, and what its user says.
func (a *authority) called(local net.Addr) (names []string, addresses []net.IP) {
	names = []string{"localhost"}
	addresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	for _, h := range a.hosts {
		if ip := net.ParseIP(h); ip != nil {
			addresses = append(addresses, ip)
		} else {
			names = append(names, h)
		}
	}
	if tcp, ok := local.(*net.TCPAddr); ok {
		addresses = append(addresses, tcp.IP)
	}
	own, err := net.InterfaceAddrs()
	if err != nil { // then the address that was called and those that were given must do
		return names, addresses
	}
	for _, address := range own {
		if n, ok := address.(*net.IPNet); ok {
			addresses = append(addresses, n.IP)
		}
	}
	return names, addresses
}

// writePrivate writes a file for its owner's eyes, whole or not at all.
func writePrivate(name string, content []byte) error {
	next := name + ".next"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(next, name)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
