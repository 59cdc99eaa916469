package broker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TLS names the files of the listeners that are secured, all in PEM. They are read again when they have changed.
type TLS struct {
	CertFile string // the broker's certificate, followed by its chain
	KeyFile  string // its key
	// ClientCAFile holds the authorities whose certificates let a client in without a password, under the name in the
	// certificate. Without it no certificates are asked for.
	ClientCAFile string
	// RevokedFile holds those authorities' lists of revoked certificates (CRL); none when empty.
	RevokedFile string
	// Optional lets in clients without a certificate, too, as on a plain listener.
	Optional bool
}

func (t TLS) files() []string {
	var files []string
	for _, f := range []string{t.CertFile, t.KeyFile, t.ClientCAFile, t.RevokedFile} {
		if f != "" {
			files = append(files, f)
		}
	}
	return files
}

func (t TLS) validate() error {
	switch {
	case (t.CertFile == "") != (t.KeyFile == ""):
		return errors.New("MQTT over TLS needs a certificate and its key (--mqtt-tls-cert and --mqtt-tls-key); only one of them is named")
	case t.CertFile == "" && (t.ClientCAFile != "" || t.RevokedFile != ""):
		return errors.New("clients' certificates need TLS: name the broker's own certificate with --mqtt-tls-cert")
	case t.RevokedFile != "" && t.ClientCAFile == "":
		return errors.New("a list of revoked certificates needs the authority that issued it: name it with --mqtt-tls-client-ca")
	case t.Optional && t.ClientCAFile == "":
		return errors.New("no certificates are asked for without --mqtt-tls-client-ca, so that they cannot be optional")
	}
	return nil
}

// recheck is how long a change of the files may go unseen.
const recheck = time.Second

// certificates are what the files hold now. What is read anew is used from the next handshake on; files that cannot be used
// leave everything as it was, since renewing writes them one after the other.
type certificates struct {
	files TLS
	now   func() time.Time
	log   *slog.Logger
	ends  prometheus.Gauge

	mutex   sync.Mutex
	checked time.Time
	seen    []os.FileInfo
	loaded  *loaded
}

// loaded is one state of the files.
type loaded struct {
	config  *tls.Config
	revoked map[string]bool // by serialOf
}

func newCertificates(t TLS, log *slog.Logger, ends prometheus.Gauge) (*certificates, error) {
	c := &certificates{files: t, now: time.Now, log: log, ends: ends}
	c.checked, c.seen = c.now(), stamps(t.files())
	var err error
	if c.loaded, err = c.load(); err != nil {
		return nil, fmt.Errorf("MQTT over TLS: %w", err)
	}
	return c, nil
}

// config is for a listener: it finds the current files at every handshake.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current().config, nil },
	}
}

// current looks whether the files have changed, at most once a second.
func (c *certificates) current() *loaded {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	now := c.now()
	if since := now.Sub(c.checked); since >= 0 && since < recheck {
		return c.loaded
	}
	c.checked = now
	seen := stamps(c.files.files())
	if same(seen, c.seen) {
		return c.loaded
	}
	c.seen = seen
	next, err := c.load()
	if err != nil {
		c.log.Error("the certificates of MQTT over TLS have changed and cannot be used: the old ones stay", "error", err)
		return c.loaded
	}
	c.log.Info("certificates of MQTT over TLS read again")
	c.loaded = next
	return next
}

// stamps is what tells one state of the files from another; nil stands for a file that is not there.
func stamps(files []string) []os.FileInfo {
	infos := make([]os.FileInfo, len(files))
	for i, f := range files {
		if info, err := os.Stat(f); err == nil {
			infos[i] = info
		}
	}
	return infos
}

func same(a, b []os.FileInfo) bool {
	for i := range a {
		switch {
		case a[i] == nil && b[i] == nil:
		case a[i] == nil || b[i] == nil:
			return false
		case !os.SameFile(a[i], b[i]) || !a[i].ModTime().Equal(b[i].ModTime()) || a[i].Size() != b[i].Size():
			return false
		}
	}
	return true
}

// load reads the files. Session tickets are off: a resumed session would outlive the certificate it began with.
func (c *certificates) load() (*loaded, error) {
	pair, err := readPair(c.files.CertFile, c.files.KeyFile)
	if err != nil {
		return nil, err
	}
	l := &loaded{config: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true}}
	if c.files.ClientCAFile != "" {
		if err := l.askForCertificates(c.files); err != nil {
			return nil, err
		}
	}
	c.report(pair.Leaf)
	return l, nil
}

func (l *loaded) askForCertificates(files TLS) error {
	authorities, err := readAuthorities(files.ClientCAFile)
	if err != nil {
		return err
	}
	if files.RevokedFile != "" {
		if l.revoked, err = readRevoked(files.RevokedFile, authorities); err != nil {
			return err
		}
	}
	l.config.ClientCAs = x509.NewCertPool()
	for _, a := range authorities {
		l.config.ClientCAs.AddCert(a)
	}
	l.config.ClientAuth = tls.RequireAndVerifyClientCert
	if files.Optional {
		l.config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	l.config.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.VerifiedChains) > 0 && l.anyRevoked(state.VerifiedChains[0]) {
			return fmt.Errorf("the certificate of %q is revoked", state.PeerCertificates[0].Subject.CommonName)
		}
		return nil
	}
	return nil
}

func (l *loaded) anyRevoked(chain []*x509.Certificate) bool {
	for _, c := range chain {
		if l.revoked[serialOf(c.RawIssuer, c.SerialNumber)] {
			return true
		}
	}
	return false
}

// report tells people of a certificate that no client will accept.
func (c *certificates) report(leaf *x509.Certificate) {
	c.ends.Set(float64(leaf.NotAfter.Unix()))
	now := c.now()
	if now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		c.log.Warn("the certificate of MQTT over TLS is not valid now: clients will refuse it", "file", c.files.CertFile,
			"from", leaf.NotBefore.UTC(), "until", leaf.NotAfter.UTC())
	}
}
