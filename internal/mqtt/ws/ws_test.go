package ws_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"plumbline/internal/mqtt/ws"
)

const patience = 10 * time.Second

// pair is the server's end, as a stream, and the client's, as it really is.
func pair(t *testing.T) (net.Conn, *websocket.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		defer close(accepted)
		c, err := l.Accept()
		if err != nil {
			return
		}
		stream, err := ws.Accept(c, func(*http.Request) bool { return true })
		if err != nil {
			_ = c.Close()
			return
		}
		accepted <- stream
	}()
	dialer := websocket.Dialer{Subprotocols: []string{"mqtt"}, EnableCompression: true}
	client, response, err := dialer.Dial("ws://"+l.Addr().String()+ws.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	stream, ok := <-accepted
	if !ok {
		t.Fatal("the server has refused it")
	}
	t.Cleanup(func() { _, _ = client.Close(), stream.Close() })
	_, _ = stream.SetDeadline(time.Now().Add(patience)), client.SetReadDeadline(time.Now().Add(patience))
	return stream, client
}

// A packet may be cut anywhere, and several may share a message.
func TestMessagesAreAStream(t *testing.T) {
	stream, client := pair(t)
	go func() {
		for _, part := range []string{"", "a pac", "ket", "", " and two", " more"} {
			_ = client.WriteMessage(websocket.BinaryMessage, []byte(part))
		}
		_ = client.WriteControl(websocket.PingMessage, []byte("ping"), time.Now().Add(patience))
		_ = client.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(patience))
	}()
	got, err := io.ReadAll(stream)
	if err != nil || string(got) != "a packet and two more" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTextIsRefused(t *testing.T) {
	stream, client := pair(t)
	if err := client.WriteMessage(websocket.TextMessage, []byte("MQTT")); err != nil {
		t.Fatal(err)
	}
	if n, err := stream.Read(make([]byte, 10)); n != 0 || err == nil || !strings.Contains(err.Error(), "text") {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestWritesOfManyGoroutinesStayWhole(t *testing.T) {
	stream, client := pair(t)
	for range 20 {
		go func() {
			_ = stream.SetWriteDeadline(time.Now().Add(patience))
			_, _ = stream.Write([]byte(strings.Repeat("x", 10_000)))
		}()
	}
	for range 20 {
		kind, message, err := client.ReadMessage()
		if err != nil || kind != websocket.BinaryMessage || len(message) != 10_000 {
			t.Fatalf("kind %d, %d bytes, %v", kind, len(message), err)
		}
	}
}

func TestClosing(t *testing.T) {
	stream, client := pair(t)
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := client.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("the client reads %v", err)
	}
	if err := stream.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closing again: %v", err)
	}
}

// FuzzAccept: whatever a stranger sends ends in a websocket or an error, and what it is answered is HTTP.
func FuzzAccept(f *testing.F) {
	const right = "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
	for _, seed := range []string{right, right + "\x82\x80", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x10\x00", "GET", strings.Replace(right, "mqtt", "amqp", 1)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		near, far := net.Pipe()
		defer far.Close()
		_ = far.SetDeadline(time.Now().Add(patience))
		ended := make(chan error, 1)
		go func() {
			stream, err := ws.Accept(near, func(*http.Request) bool { return true })
			if err == nil {
				_ = stream.Close()
			}
			_ = near.Close()
			ended <- err
		}()
		go func() {
			_, _ = far.Write(sent)
			_ = near.SetReadDeadline(time.Now()) // there is no more to come
		}()
		answer, err := io.ReadAll(far)
		if refused := <-ended; refused != nil && len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 ") {
			t.Errorf("answered %q (%v) and failed with %v", answer, err, refused)
		}
	})
}
