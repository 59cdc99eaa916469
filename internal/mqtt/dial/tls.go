package dial

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
)

// config reads the files; nil where the connection is not secured.
func (d *Dialer) config() (*tls.Config, error) {
	if !d.Secure() {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: d.url.Hostname()}
	if d.tls.CAFile != "" {
		pem, err := os.ReadFile(d.tls.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the MQTT broker's authority: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading the MQTT broker's authority: %s holds no certificate (in PEM, between BEGIN CERTIFICATE and END CERTIFICATE)", d.tls.CAFile)
		}
	}
	if d.tls.CertFile == "" && d.tls.KeyFile == "" {
		return c, nil
	}
	if d.tls.CertFile == "" || d.tls.KeyFile == "" {
		return nil, errors.New("a client certificate needs two files, the certificate and its key; only one is named")
	}
	pair, err := tls.LoadX509KeyPair(d.tls.CertFile, d.tls.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the client certificate %s with its key %s: %w", d.tls.CertFile, d.tls.KeyFile, err)
	}
	// Shown even to a broker that does not name its authority, whose refusal then says what is wrong.
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return c, nil
}

// refusals are the alerts by which a server refuses a client's certificate (RFC 8446, 6.2), in crypto/tls's words, since their
// type is its own. In TLS 1.3 they come with the first read after the handshake.
var refusals = map[string]string{
	"tls: certificate required":          "the broker asks for a client certificate; give one with --mqtt-client-cert and --mqtt-client-key",
	"tls: unknown certificate authority": "the broker does not know the authority of this client's certificate",
	"tls: bad certificate":               "the broker does not accept this client's certificate",
	"tls: unsupported certificate":       "the broker does not accept this client's certificate",
	"tls: unknown certificate":           "the broker does not accept this client's certificate",
	"tls: revoked certificate":           "the broker says that this client's certificate is revoked",
	"tls: expired certificate":           "the broker finds this client's certificate out of date",
}

// Explain adds to an error of a secured connection what it means and what to do, where that is known.
func Explain(err error) error {
	if meaning := meaningOf(err); meaning != "" {
		return fmt.Errorf("%s: %w", meaning, err)
	}
	return err
}

func meaningOf(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		remote  *net.OpError
	)
	switch {
	case errors.As(err, &unknown):
		return "the broker's certificate is signed by an authority that is not trusted here; give its certificate with --mqtt-ca"
	case errors.As(err, &name):
		return "the broker's certificate is not for this name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the broker's certificate is not valid now; look at its dates and at this machine's clock"
	case errors.As(err, &record):
		return "the broker does not speak TLS on this port"
	case errors.As(err, &remote) && remote.Op == "remote error":
		return refusals[remote.Err.Error()]
	}
	return ""
}
