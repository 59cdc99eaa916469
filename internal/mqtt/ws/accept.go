package ws

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"

	"github.com/gorilla/websocket"
)

// mostRequest bounds the request that opens a websocket, which has no body worth reading.
const mostRequest = 16 << 10

// Accept reads the HTTP request that a connection begins with and makes a websocket of it; when it cannot, it answers why
// not. mayCome judges requests, above all those that browsers send on behalf of other sites' pages. There is one request to a
// connection. Deadlines and closing are the caller's.
func Accept(c net.Conn, mayCome func(*http.Request) bool) (net.Conn, error) {
	in := bufio.NewReader(io.LimitReader(c, mostRequest))
	r, err := http.ReadRequest(in)
	w := &response{conn: c, early: in.Buffered() > 0, header: http.Header{}}
	switch {
	case errors.Is(err, io.EOF) || errors.As(err, new(net.Error)):
		return nil, fmt.Errorf("reading the request for a websocket: %w", err)
	case err != nil:
		http.Error(w, "this is no HTTP request", http.StatusBadRequest)
	case r.URL.Path != Path:
		err = refuse(w, http.StatusNotFound, "MQTT is spoken at "+Path+" here")
	case !websocket.IsWebSocketUpgrade(r):
		err = refuse(w, http.StatusUpgradeRequired, "this is an MQTT broker, which speaks by websockets here")
	case !slices.Contains(websocket.Subprotocols(r), subprotocol):
		err = refuse(w, http.StatusBadRequest, "the websocket's subprotocol must be "+subprotocol)
	case !mayCome(r):
		err = refuse(w, http.StatusForbidden, fmt.Sprintf("pages of %q may not open websockets here", r.Header.Get("Origin")))
	default:
		upgrader := websocket.Upgrader{Subprotocols: []string{subprotocol}, CheckOrigin: func(*http.Request) bool { return true }}
		var upgraded *websocket.Conn
		if upgraded, err = upgrader.Upgrade(w, r, nil); err == nil {
			return &conn{ws: upgraded}, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("opening a websocket: %w", err), w.send())
}

func refuse(w http.ResponseWriter, status int, why string) error {
	http.Error(w, why, status)
	return errors.New(why)
}

// response is what is answered: an error, or the connection itself to whoever upgrades it.
type response struct {
	conn   net.Conn
	early  bool // the client sent more than the request
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) { w.status = status }

func (w *response) Write(p []byte) (int, error) { return w.body.Write(p) }

// Hijack gives the connection away.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.early {
		return nil, nil, errors.New("the client did not wait for the answer to its request")
	}
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}

func (w *response) send() error {
	if w.status == 0 {
		return nil
	}
	answer := http.Response{
		ProtoMajor: 1, ProtoMinor: 1, StatusCode: w.status, Header: w.header, Close: true,
		ContentLength: int64(w.body.Len()), Body: io.NopCloser(&w.body),
	}
	return answer.Write(w.conn)
}
