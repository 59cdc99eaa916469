package broker_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline/internal/mqtt/broker"
	"plumbline/internal/testkit/pki"
)

// upgrade asks for a websocket over a plain connection and gives the status of the answer.
func upgrade(t *testing.T, b *broker.Broker, path string, headers ...string) int {
	t.Helper()
	for _, u := range b.URLs() {
		address, found := strings.CutPrefix(u, "ws://")
		if !found {
			continue
		}
		c, err := net.Dial("tcp", strings.TrimSuffix(strings.Replace(address, "0.0.0.0", "127.0.0.1", 1), "/mqtt"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		lines := append([]string{"GET " + path + " HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"}, headers...)
		fmt.Fprintf(c, "%s\r\n\r\n", strings.Join(lines, "\r\n"))
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	t.Fatalf("no websockets: %v", b.URLs())
	return 0
}

const (
	key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
	sub = "Sec-WebSocket-Protocol: mqtt"
)

// A browser lets every page open websockets to its user's own machine, where no account is asked for.
func TestWebsocketOrigins(t *testing.T) {
	nearby := start(t, broker.Options{Handle: newInbox().handle, WSOrigins: []string{"https://friend.example"}}).Broker
	everywhere, err := broker.Start(broker.Options{Handle: newInbox().handle, WSListen: "0.0.0.0:0", Anonymous: true, CloseGrace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = everywhere.Close() })
	for name, c := range map[string]struct {
		broker       *broker.Broker
		host, origin string
		want         int
	}{
		"no browser":                      {nearby, "127.0.0.1:8083", "", 101},
		"the page of the same machine":    {nearby, "127.0.0.1:8083", "http://127.0.0.1:8080", 101},
		"by name":                         {nearby, "localhost:8083", "http://localhost:8080", 101},
		"another site":                    {nearby, "127.0.0.1:8083", "https://evil.example", 403},
		"a site that calls itself local":  {nearby, "evil.example:8083", "http://evil.example:8083", 403},
		"a site that is wanted":           {nearby, "127.0.0.1:8083", "https://friend.example", 101},
		"a file, or a page without site":  {nearby, "127.0.0.1:8083", "null", 403},
		"elsewhere, the same host":        {everywhere, "hub.example:8083", "http://hub.example", 101},
		"elsewhere, another site":         {everywhere, "hub.example:8083", "https://evil.example", 403},
		"elsewhere, a site not wanted":    {everywhere, "hub.example:8083", "https://friend.example", 403},
		"elsewhere, capitals of the host": {everywhere, "Hub.Example", "http://hub.example", 101},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{key, sub, "Host: " + c.host}
			if c.origin != "" {
				headers = append(headers, "Origin: "+c.origin)
			}
			if got := upgrade(t, c.broker, "/mqtt", headers...); got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
		})
	}
}

func TestWebsocketRequests(t *testing.T) {
	b := start(t, broker.Options{Handle: newInbox().handle}).Broker
	for name, c := range map[string]struct {
		path    string
		headers []string
		want    int
	}{
		"right":              {"/mqtt", []string{key, sub}, 101},
		"among others":       {"/mqtt", []string{key, "Sec-WebSocket-Protocol: wamp, mqtt"}, 101},
		"another path":       {"/", []string{key, sub}, 404},
		"no subprotocol":     {"/mqtt", []string{key}, 400},
		"another":            {"/mqtt", []string{key, "Sec-WebSocket-Protocol: wamp"}, 400},
		"no key":             {"/mqtt", []string{sub}, 400},
		"an endless request": {"/mqtt", []string{key, sub, "X: " + strings.Repeat("x", 100_000)}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			if got := upgrade(t, b, c.path, append(c.headers, "Host: localhost")...); got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
		})
	}
}

// Who connects and says nothing, whatever it should have said, is cut off; none of it takes room from others for long.
func TestSilentStrangers(t *testing.T) {
	t.Parallel()
	b := start(t, broker.Options{Handle: newInbox().handle})
	silent := map[string]net.Conn{"handshakes made, CONNECT not sent": b.open(t, "wss", pki.Certificate{})}
	for _, u := range b.URLs() {
		scheme, rest, _ := strings.Cut(u, "://")
		c, err := net.Dial("tcp", strings.TrimSuffix(rest, "/mqtt"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		silent[scheme] = c
	}
	for name, c := range silent {
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("%s: still connected: %v", name, err)
		}
	}
}

// All listeners share one limit.
func TestTooManyClientsOnAllListeners(t *testing.T) {
	b := start(t, broker.Options{Handle: newInbox().handle, MaxClients: 1})
	connect(t, b, mqtt3, login{id: "1"}).ping()
	for _, scheme := range []string{"mqtts", "ws", "wss"} {
		w := dial(t, b, client{4, scheme})
		w.login(login{id: "2"})
		if p := w.read(); p.kind != connack || p.body[1] != 3 {
			t.Errorf("%s: got packet %d % x, want CONNACK 3 (server unavailable)", scheme, p.kind, p.body)
		}
	}
	var stuck []net.Conn
	for range 1 + 16 { // the room beside the one client
		c, err := net.Dial("tcp", b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		stuck = append(stuck, c)
	}
	last := stuck[len(stuck)-1]
	_ = last.SetDeadline(time.Now().Add(2 * time.Second))
	if n, err := last.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("there is no end of connections")
	}
}

func TestIPv4AddressIsNotIPv6(t *testing.T) {
	b, err := broker.Start(broker.Options{Handle: newInbox().handle, Listen: "0.0.0.0:0", Anonymous: true, CloseGrace: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	_, port, err := net.SplitHostPort(b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", net.JoinHostPort("::1", port)); err == nil {
		_ = c.Close()
		t.Error("0.0.0.0 listens on IPv6, too")
	}
	if c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port)); err != nil {
		t.Error(err)
	} else {
		_ = c.Close()
	}
}
