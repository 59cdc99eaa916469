package outside_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/dial"
	"plumbline/internal/mqtt/outside"
	"plumbline/internal/testkit/mosquitto"
)

// patience bounds every wait in these tests; on a good day none comes near it.
const patience = 20 * time.Second

// hub is a client with the memory that the real one's journal is: what was accepted is known by topic, packet identifier and
// bytes.
type hub struct {
	t        *testing.T
	client   *outside.Client
	log      *logBuffer
	stopping context.CancelFunc
	ended    chan struct{}
	inbox    *inbox
}

// inbox is what has been accepted. It outlives hubs, as a data folder does.
type inbox struct {
	mutex    sync.Mutex
	messages []mqtt.Message
	known    map[string]bool
	again    int                      // messages known before
	answer   func(mqtt.Message) error // nil accepts
}

func newInbox() *inbox { return &inbox{known: map[string]bool{}} }

func (i *inbox) handle(_ context.Context, m mqtt.Message) error {
	i.mutex.Lock()
	answer := i.answer
	i.mutex.Unlock()
	if answer != nil {
		if err := answer(m); err != nil {
			return err
		}
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	same := fmt.Sprintf("%s %d %s", m.Topic, m.PacketID, m.Payload)
	anyID := fmt.Sprintf("%s %s", m.Topic, m.Payload)
	if m.DUP && i.known[same] || m.Retain && i.known[anyID] {
		i.again++
		return nil
	}
	i.keep(m)
	return nil
}

func (i *inbox) keep(m mqtt.Message) {
	i.known[fmt.Sprintf("%s %d %s", m.Topic, m.PacketID, m.Payload)], i.known[fmt.Sprintf("%s %s", m.Topic, m.Payload)] = true, true
	i.messages = append(i.messages, m)
}

func (i *inbox) accept(m mqtt.Message) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.keep(m)
}

func (i *inbox) recognised() int {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return i.again
}

func (i *inbox) has(payload string) bool { return slices.Contains(i.payloads(), payload) }

// repeated are the captures of payloads that had been captured before, in tests whose pictures all differ.
func (i *inbox) repeated() []mqtt.Message {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	var all []mqtt.Message
	seen := map[string]bool{}
	for _, m := range i.messages {
		if seen[string(m.Payload)] {
			all = append(all, m)
		}
		seen[string(m.Payload)] = true
	}
	return all
}

// fail is an answer that is an error for the first n messages.
func fail(n int64, err error) func(mqtt.Message) error {
	var left atomic.Int64
	left.Store(n)
	return func(mqtt.Message) error {
		if left.Add(-1) >= 0 {
			return err
		}
		return nil
	}
}

func (i *inbox) setAnswer(answer func(mqtt.Message) error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.answer = answer
}

func (i *inbox) payloads() []string {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	var all []string
	for _, m := range i.messages {
		all = append(all, string(m.Payload))
	}
	return all
}

func (i *inbox) count() int { return len(i.payloads()) }

// until waits for a condition.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !met(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s in vain", patience, what)
		}
	}
}

type logBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}

func (b *logBuffer) count(sentence string) int { return strings.Count(b.String(), sentence) }

// broker reads a URL as the command line would.
func broker(t *testing.T, url string, files dial.TLS) *dial.Dialer {
	t.Helper()
	d, err := dial.New(url, files)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// start begins a client; it ends with the test unless it was stopped before.
func start(t *testing.T, i *inbox, o outside.Options) *hub {
	t.Helper()
	h := &hub{t: t, log: &logBuffer{}, inbox: i, ended: make(chan struct{})}
	o.Handle, o.Logger = i.handle, slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if o.ClientID == "" {
		o.ClientID = "hub-of-the-test"
	}
	o.FirstPause, o.LastPause, o.CloseGrace = 20*time.Millisecond, 200*time.Millisecond, time.Second
	var err error
	if h.client, err = outside.New(o); err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, h.stopping = context.WithCancel(context.Background())
	go func() {
		defer close(h.ended)
		if err := h.client.Run(ctx); err != nil {
			t.Errorf("the client ended with %v", err)
		}
	}()
	t.Cleanup(h.stop)
	return h
}

func (h *hub) stop() {
	h.stopping()
	select {
	case <-h.ended:
	case <-time.After(patience):
		h.t.Fatalf("the client does not end:\n%s", h.log)
	}
}

func (h *hub) ready() {
	h.t.Helper()
	until(h.t, "a connection", func() bool { return h.client.Ready(h.t.Context()) == nil })
}

// plain is a client's options for a broker without TLS.
func plain(t *testing.T, b *mosquitto.Server) outside.Options {
	return outside.Options{Broker: broker(t, "mqtt://"+b.Address(), dial.TLS{})}
}

// publish sends one message at QoS 1 with Mosquitto's own client.
func publish(t *testing.T, b *mosquitto.Server, topic, payload string, more ...string) {
	t.Helper()
	run(t, "mosquitto_pub", append([]string{"-p", b.Port(), "-q", "1", "-t", topic, "-m", payload}, more...)...)
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func runWithInput(t *testing.T, input, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", program, strings.Join(args, " "), err, out)
	}
}
