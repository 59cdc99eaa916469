package broker

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
)

// readPair reads the broker's certificate and key, and says which of the usual slips it met.
func readPair(certFile, keyFile string) (tls.Certificate, error) {
	certPEM, err := os.ReadFile(certFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("reading the certificate: %w", err)
	}
	keyPEM, err := os.ReadFile(keyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("reading the key: %w", err)
	}
	if strings.Contains(string(keyPEM), "ENCRYPTED") {
		return tls.Certificate{}, fmt.Errorf("the key in %s is encrypted: write it without a pass phrase, readable by this program's user only (openssl pkey -in %s -out FILE)", keyFile, keyFile)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the certificate in %s and the key in %s cannot be used together: %w", certFile, keyFile, err)
	}
	return pair, nil
}

func readAuthorities(file string) ([]*x509.Certificate, error) {
	var authorities []*x509.Certificate
	err := eachBlock(file, "CERTIFICATE", func(der []byte) error {
		c, err := x509.ParseCertificate(der)
		authorities = append(authorities, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the clients' authorities: %w", err)
	}
	return authorities, nil
}

// readRevoked reads revocation lists that one of the authorities has signed.
func readRevoked(file string, authorities []*x509.Certificate) (map[string]bool, error) {
	revoked := map[string]bool{}
	err := eachBlock(file, "X509 CRL", func(der []byte) error {
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return err
		}
		if !signedByOne(list, authorities) {
			return fmt.Errorf("the list of %q is signed by none of the clients' authorities", list.Issuer)
		}
		for _, entry := range list.RevokedCertificateEntries {
			revoked[serialOf(list.RawIssuer, entry.SerialNumber)] = true
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the revoked certificates: %w", err)
	}
	return revoked, nil
}

func signedByOne(list *x509.RevocationList, authorities []*x509.Certificate) bool {
	for _, a := range authorities {
		if list.CheckSignatureFrom(a) == nil {
			return true
		}
	}
	return false
}

// serialOf identifies a certificate by its issuer and serial number.
func serialOf(rawIssuer []byte, serial *big.Int) string { return string(rawIssuer) + serial.String() }

// eachBlock does read to every PEM block of a kind, of which there must be one.
func eachBlock(file, kind string, read func(der []byte) error) error {
	rest, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	found := false
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != kind {
			continue
		}
		found = true
		if err := read(block.Bytes); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	if !found {
		return fmt.Errorf("%s holds none (in PEM, between BEGIN %s and END %s)", file, kind, kind)
	}
	return nil
}
