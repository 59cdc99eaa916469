package broker

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/testkit/pki"
)

// What files hold that cannot be used is told of once, however often it is looked at; and what was read is read once.
func TestFilesAreLookedAtAndReadOnce(t *testing.T) {
	ca := pki.New(t, "authority")
	files, log, now := ca.Server(), &bytes.Buffer{}, time.Now()
	certs := TLS{CertFile: filepath.Join(t.TempDir(), "tls.crt"), KeyFile: files.KeyFile}
	if err := os.Symlink(files.CertFile, certs.CertFile); err != nil {
		t.Fatal(err)
	}
	c, err := newCertificates(certs, slog.New(slog.NewTextHandler(log, nil)), prometheus.NewGauge(prometheus.GaugeOpts{}))
	if err != nil {
		t.Fatal(err)
	}
	c.now = func() time.Time { return now }
	look := func() *loaded {
		now = now.Add(recheck)
		return c.current()
	}
	first := look()
	point(t, certs.CertFile, ca.Server().CertFile) // another key's
	for range 3 {
		if look() != first {
			t.Error("a certificate without its key is used")
		}
	}
	if n := strings.Count(log.String(), "the old ones stay"); n != 1 {
		t.Errorf("that was logged %d times: %s", n, log)
	}
	point(t, certs.CertFile, files.CertFile)
	second := look()
	if second == first || look() != second || look() != second {
		t.Error("what came back is not read, or read again and again")
	}
}

// point makes a link lead elsewhere, as a Kubernetes secret's files do when they are renewed.
func point(t *testing.T, link, file string) {
	t.Helper()
	if err := os.Symlink(file, link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
}
