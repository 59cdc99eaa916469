package broker

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"plumbline/internal/mqtt"
)

// peer is a client's certificate that was verified in the handshake. It stands in place of name and password.
type peer struct {
	chain []*x509.Certificate // from the client's own to an authority's
	now   *certificates
}

// peerOf is nil for a client that showed no certificate.
func peerOf(state tls.ConnectionState, now *certificates) *peer {
	if len(state.VerifiedChains) == 0 {
		return nil
	}
	return &peer{chain: state.VerifiedChains[0], now: now}
}

// name is the device's or viewer's: the subject's common name, or else the only DNS name.
func (p *peer) name() (string, error) {
	leaf := p.chain[0]
	name := leaf.Subject.CommonName
	if name == "" && len(leaf.DNSNames) == 1 {
		name = leaf.DNSNames[0]
	}
	if name == "" {
		return "", fmt.Errorf("the certificate with the serial number %s has no common name and not exactly one DNS name", leaf.SerialNumber)
	}
	if _, err := mqtt.ParseDevice(name); err != nil {
		return "", fmt.Errorf("the certificate's name: %w", err)
	}
	return name, nil
}

// valid says whether the certificate still holds: a connection may outlive it.
func (p *peer) valid() bool {
	return !p.now.now().After(p.chain[0].NotAfter) && !p.now.current().anyRevoked(p.chain)
}
