package queue_test

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"plumbline/internal/queue"
)

// joinable are options of a hub that others may join.
func joinable(t testing.TB) queue.Options {
	o := options(t)
	if o.Outside != nil { // they meet there
		return o
	}
	o.Listener = queue.Listener{Address: "127.0.0.1:0", TokenFile: filepath.Join(o.Dir, "token")}
	return o
}

// visitor is a raw client with the hub's token. What the server forbids it is told on the channel.
func visitor(t testing.TB, h *queue.Hub, o queue.Options) (*nats.Conn, <-chan error) {
	t.Helper()
	forbidden := make(chan error, 100)
	nc, err := queue.DialListener(h.ListenAddr(), o.Listener.TokenFile,
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { forbidden <- err }))
	must(t, err)
	t.Cleanup(nc.Close)
	return nc, forbidden
}

func TestTokenAllowsNothingButAWorkersVerbs(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	id := accept(t, h, receipt(), picture(100))
	other, _ := visitor(t, h, o)
	nc, forbidden := visitor(t, h, o)
	publish := func(subject string) func() error {
		return func() error { return nc.PublishRequest(subject, nc.NewInbox(), []byte("{}")) }
	}
	subscribe := func(subject string) func() error {
		return func() error { _, err := nc.SubscribeSync(subject); return err }
	}
	for name, try := range map[string]func() error{
		"publish a capture":          publish("plumbline.queue." + id[:len(id)-1] + "x"),
		"publish a journal entry":    publish("plumbline.journal.0123456789abcdef"),
		"publish a dead letter":      publish("plumbline.dead." + id),
		"publish a drop":             publish("plumbline.dropped." + id),
		"publish blame":              publish("plumbline.attempts.1"),
		"answer another worker":      publish(other.NewInbox()),
		"answer the hub":             publish("_INBOX.x"),
		"make a stream":              publish("$JS.API.STREAM.CREATE.MINE"),
		"change a stream":            publish("$JS.API.STREAM.UPDATE.PLUMBLINE_QUEUE"),
		"look at a stream":           publish("$JS.API.STREAM.INFO.PLUMBLINE_QUEUE"),
		"list streams":               publish("$JS.API.STREAM.NAMES"),
		"delete a stream":            publish("$JS.API.STREAM.DELETE.PLUMBLINE_QUEUE"),
		"purge a stream":             publish("$JS.API.STREAM.PURGE.PLUMBLINE_QUEUE"),
		"delete a message":           publish("$JS.API.STREAM.MSG.DELETE.PLUMBLINE_QUEUE"),
		"read a message":             publish("$JS.API.STREAM.MSG.GET.PLUMBLINE_QUEUE"),
		"read the journal":           publish("$JS.API.STREAM.MSG.GET.PLUMBLINE_JOURNAL"),
		"read a picture directly":    publish("$JS.API.DIRECT.GET.PLUMBLINE_QUEUE"),
		"read the journal directly":  publish("$JS.API.DIRECT.GET.PLUMBLINE_JOURNAL.plumbline.journal.x"),
		"make a consumer":            publish("$JS.API.CONSUMER.CREATE.PLUMBLINE_QUEUE.mine"),
		"make a durable consumer":    publish("$JS.API.CONSUMER.DURABLE.CREATE.PLUMBLINE_JOURNAL.mine"),
		"delete the consumer":        publish("$JS.API.CONSUMER.DELETE.PLUMBLINE_QUEUE.workers"),
		"pause the consumer":         publish("$JS.API.CONSUMER.PAUSE.PLUMBLINE_QUEUE.workers"),
		"claim of another stream":    publish("$JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_JOURNAL.workers"),
		"acknowledge another stream": publish("$JS.ACK.PLUMBLINE_DEAD.workers.1.1.1.1.1"),
		"look at the account":        publish("$JS.API.INFO"),
		"look at the server":         publish("$SYS.REQ.SERVER.PING"),
		"hear everything":            subscribe(">"),
		"hear captures":              subscribe("plumbline.queue.*"),
		"hear the journal":           subscribe("plumbline.journal.*"),
		"hear results":               subscribe("plumbline.result"),
		"hear acknowledgements":      subscribe("$JS.ACK.>"),
		"hear claims":                subscribe("$JS.API.>"),
		"hear another worker":        subscribe(other.NewInbox()),
		"hear all workers":           subscribe("*.>"),
		"hear the hub":               subscribe("_INBOX.>"),
		"hear the system":            subscribe("$SYS.>"),
	} {
		t.Run(name, func(t *testing.T) {
			must(t, try())
			must(t, nc.Flush())
			select {
			case err := <-forbidden:
				if !strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
					t.Errorf("it is told %v", err)
				}
			case <-time.After(5 * time.Second):
				t.Error("nobody forbids it")
			}
		})
	}
	if d := depth(t, h); d.Waiting != 1 || d.Dead != 0 {
		t.Errorf("depth: %+v", d)
	}
}

// A claim whose answer is to go where its sender may not publish: the picture must not appear there.
func TestAnswersGoToInboxesOnly(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	id := accept(t, h, receipt(), picture(100))
	nc, forbidden := visitor(t, h, o)
	for _, subject := range []string{"plumbline.dead.zzz", "plumbline.journal.zzz", "plumbline.queue.zzz"} {
		must(t, nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_QUEUE.workers", subject, []byte(`{"batch":1,"no_wait":true}`)))
		must(t, nc.PublishRequest("plumbline.result", subject, []byte("nonsense")))
	}
	must(t, nc.Flush())
	for len(forbidden) > 0 {
		t.Log(<-forbidden)
	}
	c := claim(t, worker(t, h, "honest"))
	if c.Capture.ID != id {
		t.Errorf("claimed %s", c.Capture.ID)
	}
	must(t, c.Acknowledge(t.Context()))
	if d := depth(t, h); d.Waiting != 0 || d.Dead != 0 || len(journalIDs(t, h)) != 1 {
		t.Errorf("depth: %+v", d)
	}
}

// log is a logger and what it wrote.
func log() (*slog.Logger, func() string) {
	var mu sync.Mutex
	var text bytes.Buffer
	return slog.New(slog.NewTextHandler(writer(func(b []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return text.Write(b)
		}), nil)), func() string {
			mu.Lock()
			defer mu.Unlock()
			return text.String()
		}
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

func TestWrongTokenIsRefusedWithASentenceOnBothSides(t *testing.T) {
	o := joinable(t)
	var said func() string
	o.Logger, said = log()
	h := open(t, o)
	text, err := os.ReadFile(o.Listener.TokenFile)
	must(t, err)
	wrong := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(wrong, bytes.Replace(text, []byte("token: "), []byte("token: not"), 1), 0o600))
	for range 20 {
		_, err = queue.DialListener("nats://"+h.ListenAddr(), wrong)
		if err == nil || !strings.Contains(err.Error(), "refuses the token") {
			t.Fatalf("it is told %v", err)
		}
	}
	if n := strings.Count(said(), "wrong token"); n != 1 || strings.Count(said(), "\n") > 3 {
		t.Errorf("the hub tells it %d times:\n%s", n, said())
	}
	for line := range strings.Lines(string(text)) {
		if secret, ok := strings.CutPrefix(strings.TrimSpace(line), "token: "); ok && strings.Contains(said(), secret) {
			t.Error("the log has the token")
		}
	}
}

func TestWithoutTheTokenNobodyJoins(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	insecure := nats.Secure(&tls.Config{InsecureSkipVerify: true})
	for name, options := range map[string][]nats.Option{
		"plain":             {nats.Timeout(time.Second)},
		"no token":          {insecure, nats.TLSHandshakeFirst()},
		"a name only":       {insecure, nats.TLSHandshakeFirst(), nats.UserInfo("abcdefghijklmnopqrstuvwxyz", "")},
		"a token as a user": {insecure, nats.TLSHandshakeFirst(), nats.Token("abcdefghijklmnopqrstuvwxyz")},
		"an old TLS":        {nats.Secure(&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}), nats.TLSHandshakeFirst()},
	} {
		t.Run(name, func(t *testing.T) {
			if nc, err := nats.Connect("nats://"+h.ListenAddr(), options...); err == nil {
				nc.Close()
				t.Error("it joined")
			}
		})
	}
}

func TestAnotherHubIsNotTaken(t *testing.T) {
	mine, its := joinable(t), joinable(t)
	open(t, mine)
	other := open(t, its)
	_, err := queue.DialListener(other.ListenAddr(), mine.Listener.TokenFile)
	if err == nil || !strings.Contains(err.Error(), "not the hub that made the token file") {
		t.Errorf("it is told %v", err)
	}
}

func TestTokenFileIsMadeOnceAndKept(t *testing.T) {
	o := joinable(t)
	shut(t, open(t, o))
	first, err := os.ReadFile(o.Listener.TokenFile)
	must(t, err)
	for _, name := range []string{o.Listener.TokenFile, filepath.Join(o.Dir, "authority", "ca.key")} {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
	h := open(t, o)
	visitor(t, h, o)
	if again, _ := os.ReadFile(o.Listener.TokenFile); !bytes.Equal(first, again) {
		t.Error("another start wrote another token")
	}
	foreign := joinable(t)
	foreign.Listener.TokenFile = o.Listener.TokenFile
	if _, err := queue.Open(t.Context(), foreign); err == nil || !strings.Contains(err.Error(), "not of this hub") {
		t.Errorf("a hub with another's token file says %v", err)
	}
}

// The whole of 127/8 reaches this machine; the hub knows of 127.0.0.1, and of the address that it was reached by.
func TestHubIsCalledByItsNamesOnly(t *testing.T) {
	o := joinable(t)
	o.Listener.Hosts = []string{"hub.test"}
	h := open(t, o)
	_, port, _ := strings.Cut(h.ListenAddr(), ":")
	for host, want := range map[string]bool{"localhost": true, "127.0.0.1": true, "hub.test": true, "other.test": false} {
		t.Run(host, func(t *testing.T) {
			nc, err := queue.DialListener(host+":"+port, o.Listener.TokenFile, nats.SetCustomDialer(toLoopback{port}))
			if err == nil {
				nc.Close()
			}
			if (err == nil) != want || !want && !strings.Contains(err.Error(), "--nats-host other.test") {
				t.Errorf("it is told %v", err)
			}
		})
	}
}

// toLoopback reaches this machine by any name.
type toLoopback struct{ port string }

func (d toLoopback) Dial(network, _ string) (net.Conn, error) {
	return net.Dial(network, "127.0.0.1:"+d.port)
}

func (toLoopback) SkipTLSHandshake() bool { return false }

func TestAddressInUseIsSaidAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	o := joinable(t)
	o.Listener.Address = l.Addr().String()
	started := time.Now()
	_, err = queue.Open(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "address already in use") || time.Since(started) > 20*time.Second {
		t.Errorf("after %s: %v", time.Since(started), err)
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add("token: 0123456789012345678901234567890\nauthority: sha256:" + strings.Repeat("ab", 32))
	f.Add("# nothing\n\ntoken:secret")
	f.Fuzz(func(t *testing.T, text string) {
		if err := queue.ParseToken(text); err != nil && len(text) > 30 && strings.Contains(err.Error(), text) {
			t.Error("the error tells what the file says")
		}
	})
}
