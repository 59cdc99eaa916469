package broker_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/broker"
	mqttdial "plumbline/internal/mqtt/dial"
	"plumbline/internal/testkit/pki"
)

// patience bounds every wait in these tests; on a good day none comes near it.
const patience = 20 * time.Second

// inbox is a Handle that records and answers as it is told.
type inbox struct {
	mutex    sync.Mutex
	messages []mqtt.Message
	answer   func(m mqtt.Message) error // nil accepts
	arrived  chan mqtt.Message
}

func newInbox() *inbox { return &inbox{arrived: make(chan mqtt.Message, 1000)} }

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
	i.messages = append(i.messages, m)
	i.arrived <- m
	return nil
}

func (i *inbox) setAnswer(answer func(mqtt.Message) error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.answer = answer
}

func (i *inbox) count() int {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return len(i.messages)
}

func (i *inbox) next(t *testing.T) mqtt.Message {
	t.Helper()
	return receive(t, i.arrived, "a message")
}

func receive[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
		panic("unreachable")
	}
}

// logBuffer is what the broker logged.
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

// started is a running broker that listens in all ways, and the authority behind its certificate.
type started struct {
	*broker.Broker
	ca *pki.Authority
}

func start(t *testing.T, o broker.Options) *started {
	t.Helper()
	const free = "127.0.0.1:0"
	ca := pki.New(t, "authority")
	if o.TLS.CertFile == "" {
		server := ca.Server()
		o.TLS.CertFile, o.TLS.KeyFile = server.CertFile, server.KeyFile
	}
	o.Listen, o.TLSListen, o.WSListen, o.WSSListen = free, free, free, free
	if o.CloseGrace == 0 {
		o.CloseGrace = time.Second
	}
	if o.Logger == nil {
		log := &logBuffer{}
		o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(log.String())
			}
		})
	}
	b, err := broker.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return &started{b, ca}
}

func (s *started) dialer(scheme string, client pki.Certificate) (*mqttdial.Dialer, error) {
	files := mqttdial.TLS{}
	if scheme == "mqtts" || scheme == "wss" {
		files = mqttdial.TLS{CAFile: s.ca.File, CertFile: client.CertFile, KeyFile: client.KeyFile}
	}
	for _, u := range s.URLs() {
		if strings.HasPrefix(u, scheme+"://") {
			return mqttdial.New(strings.Replace(u, "0.0.0.0", "127.0.0.1", 1), files)
		}
	}
	return nil, fmt.Errorf("the broker does not listen for %s: %v", scheme, s.URLs())
}

// open connects without logging in.
func (s *started) open(t *testing.T, scheme string, client pki.Certificate) net.Conn {
	t.Helper()
	d, err := s.dialer(scheme, client)
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// url is the way to the broker by a scheme.
func (s *started) url(t *testing.T, scheme string) string {
	t.Helper()
	d, err := s.dialer(scheme, pki.Certificate{})
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// shown is the serial number of the certificate that the broker shows.
func shown(t *testing.T, b *started) string {
	t.Helper()
	c, ok := b.open(t, "mqtts", pki.Certificate{}).(*tls.Conn)
	if !ok {
		t.Fatal("MQTT over TLS is not over TLS")
	}
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// mosquitto runs mosquitto_pub or mosquitto_sub against the broker and returns what it printed.
func mosquitto(t *testing.T, b *started, program string, stdin []byte, args ...string) (string, error) {
	t.Helper()
	return mosquittoAt(t, b.url(t, "mqtt"), program, stdin, args...)
}

func mosquittoAt(t *testing.T, broker, program string, stdin []byte, args ...string) (string, error) {
	t.Helper()
	_, address, _ := strings.Cut(broker, "://")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"-h", host, "-p", port}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
