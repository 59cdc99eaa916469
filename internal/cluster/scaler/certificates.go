package scaler

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// Certificates are by which the listener and KEDA know each other, as files of two Secrets: tls.crt, tls.key, and in ca.crt the
// authority of the other side.
type Certificates struct {
	Server, Client map[string][]byte
}

// Keys of Certificates' files: those of Secrets of the type kubernetes.io/tls.
const (
	CertFile = "tls.crt"
	KeyFile  = "tls.key"
	CAFile   = "ca.crt"
)

// certificateAge is long because nothing renews them: they are made again by deploying with new Secrets.
const certificateAge = 10 * 365 * 24 * time.Hour

// NewCertificates makes both sides' certificates under an authority of their own, whose key is then forgotten: nobody can ever
// sign a third. Hosts are the names by which KEDA asks.
func NewCertificates(hosts ...string) (Certificates, error) {
	ca, err := newSigner()
	if err != nil {
		return Certificates{}, fmt.Errorf("making the scaler's authority: %w", err)
	}
	server, err := ca.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "plumbline scaler"}, DNSNames: hosts, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err != nil {
		return Certificates{}, fmt.Errorf("making the scaler's certificate: %w", err)
	}
	client, err := ca.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "KEDA"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return Certificates{}, fmt.Errorf("making KEDA's certificate: %w", err)
	}
	return Certificates{Server: server, Client: client}, nil
}

// signer is an authority.
type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newSigner() (*signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := dated(&x509.Certificate{
		Subject: pkix.Name{CommonName: "plumbline scaler's authority"}, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	})
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &signer{cert: cert, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, err
}

func (s *signer) sign(template *x509.Certificate) (map[string][]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, dated(template), s.cert, key.Public(), s.key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		CertFile: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		KeyFile:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		CAFile:   s.pem,
	}, nil
}

// dated gives a certificate its time and a number. An hour back, because clocks of nodes differ.
func dated(c *x509.Certificate) *x509.Certificate {
	now := time.Now()
	c.NotBefore, c.NotAfter = now.Add(-time.Hour), now.Add(certificateAge)
	c.SerialNumber = new(big.Int).SetInt64(now.UnixNano())
	return c
}
