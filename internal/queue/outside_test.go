package queue_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
	"plumbline/internal/testkit/nats"
	"plumbline/internal/testkit/pki"
)

// eventually waits until a condition is met.
func eventually(t testing.TB, what string, met func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for tooLate := time.After(20 * time.Second); !met(); {
		select {
		case <-tick.C:
		case <-tooLate:
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// awaitReady says what a hub lacks that does not get ready.
func awaitReady(t testing.TB, h *queue.Hub) {
	t.Helper()
	last := errors.New("not asked")
	defer func() {
		if last != nil {
			t.Log("not ready:", last)
		}
	}()
	eventually(t, "readiness", func() bool { last = h.Ready(t.Context()); return last == nil })
}

func TestHubOutlivesTheServersRestarts(t *testing.T) {
	s := nats.Start(t, nil)
	o := on(t, s)
	o.Lease = 5 * time.Second
	h := open(t, o)
	recorded := &rows{ids: map[string]int{}}
	go func() { _ = h.ServeResults(t.Context(), recorded.record) }()
	w := worker(t, h, "one")
	goroutines := 0
	for round := range 4 {
		accept(t, h, receipt(), picture(1000))
		c := claim(t, w)
		s.Stop()
		eventually(t, "unreadiness", func() bool { return h.Ready(t.Context()) != nil })
		if err := h.Ready(t.Context()); err != nil && !strings.Contains(err.Error(), s.URL()) {
			t.Errorf("not ready: %v, want the server's address", err)
		}
		start := time.Now()
		if _, err := h.Accept(t.Context(), receipt(), posture.Capture{Picture: picture(1000)}); err == nil {
			t.Fatal("accepted without a server")
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("the refusal took %s", took)
		}
		s.Start()
		awaitReady(t, h)
		must(t, w.HandIn(t.Context(), posture.Result{CaptureID: c.Capture.ID}))
		must(t, c.Acknowledge(t.Context()))
		if d := depth(t, h); d.Waiting+d.Leased != 0 {
			t.Errorf("round %d: %+v, want nothing left, nothing sent late", round, d)
		}
		if round == 0 {
			goroutines = runtime.NumGoroutine()
		}
	}
	eventually(t, "no more goroutines than after the first restart", func() bool { return runtime.NumGoroutine() <= goroutines+10 })
}

// A hub that looks for its journal on a server that is away ends all the same.
func TestHubEndsWhileTheServerIsAway(t *testing.T) {
	t.Parallel()
	s := nats.Start(t, nil)
	h := open(t, on(t, s))
	accept(t, h, receipt(), picture(1000))
	s.Stop()
	eventually(t, "unreadiness", func() bool { return h.Ready(t.Context()) != nil })
	start := time.Now()
	_ = h.Close() // with what error does not matter here
	if took := time.Since(start); took > 12*time.Second {
		t.Errorf("the end took %s", took)
	}
}

func TestServerWithTLS(t *testing.T) {
	authority := pki.New(t, "NATS")
	of, client := authority.Server(), authority.Client("hub")
	pair, err := tls.LoadX509KeyPair(of.CertFile, of.KeyFile)
	must(t, err)
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(authority.File)
	must(t, err)
	roots.AppendCertsFromPEM(pem)
	s := nats.Start(t, func(o *server.Options) {
		o.TLS, o.TLSVerify = true, true
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert}
	})
	with := on(t, s)
	with.Outside.CA, with.Outside.Cert, with.Outside.Key = authority.File, client.CertFile, client.KeyFile
	accept(t, open(t, with), receipt(), picture(10))
	for name, change := range map[string]func(*queue.Outside){
		"unknown authority": func(o *queue.Outside) { o.CA = "" },
		"no certificate":    func(o *queue.Outside) { o.Cert, o.Key = "", "" },
	} {
		o := on(t, s)
		outside := *with.Outside
		change(&outside)
		o.Outside = &outside
		if err := openOnce(t, o); err == nil || !strings.Contains(err.Error(), "tls") {
			t.Errorf("%s: %v, want a refusal that speaks of TLS", name, err)
		}
	}
}

func TestAddressesAreShownWithoutSecrets(t *testing.T) {
	s := queue.Server{URLs: []string{"nats://me:secret@one:4222", "nats://token@two:4222", "tls://three:4222", "me:secret@four"}}
	if got, want := s.String(), "nats://one:4222,nats://two:4222,tls://three:4222,four"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
