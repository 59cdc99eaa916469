package store_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"plumbline/internal/store"
)

// pooler is a transaction pooler like Supabase's or PgBouncer: the next transaction of a client runs on another connection.
type pooler struct {
	listener net.Listener
	servers  chan net.Conn // taken in front, given back behind
	clients  sync.WaitGroup
}

// startPooler puts a pooler before a database of the shared server and returns the URL to reach it by.
func startPooler(t *testing.T) string {
	t.Helper()
	direct := server.URL(server.NewDatabase(t))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pooler{listener: listener, servers: make(chan net.Conn, 5)}
	for range cap(p.servers) {
		c, err := pgconn.Connect(context.Background(), direct+"&timezone=UTC")
		if err != nil {
			t.Fatal(err)
		}
		raw, err := c.Hijack()
		if err != nil {
			t.Fatal(err)
		}
		p.servers <- raw.Conn
	}
	p.clients.Go(p.accept)
	t.Cleanup(func() {
		listener.Close()
		p.clients.Wait()
		for range cap(p.servers) {
			(<-p.servers).Close()
		}
	})
	return strings.Replace(direct, server.Address(), listener.Addr().String(), 1)
}

func (p *pooler) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.clients.Go(func() {
			defer client.Close()
			if welcome(client) == nil {
				for p.transaction(client) == nil {
				}
			}
		})
	}
}

func welcome(client net.Conn) error {
	b := pgproto3.NewBackend(client, client)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return err
	}
	b.Send(&pgproto3.AuthenticationOk{})
	for name, value := range map[string]string{"server_version": "15.0", "client_encoding": "UTF8", "standard_conforming_strings": "on"} {
		b.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	b.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	return b.Flush()
}

// transaction serves one transaction of a client on the connection whose turn it is.
func (p *pooler) transaction(client net.Conn) error {
	first, err := message(client)
	if err != nil || first[0] == 'X' {
		return io.EOF
	}
	s := <-p.servers
	defer func() { p.servers <- s }()
	for request := first; ; {
		if _, err := s.Write(request); err != nil {
			return err
		}
		if request[0] == 'S' || request[0] == 'Q' { // Sync or Query: now the server answers
			idle, err := answer(s, client)
			if err != nil || idle {
				return err
			}
		}
		if request, err = message(client); err != nil {
			return err
		}
	}
}

// answer forwards the server's messages up to ReadyForQuery; idle tells that no transaction is open.
func answer(s io.Reader, client io.Writer) (idle bool, err error) {
	for {
		m, err := message(s)
		if err != nil {
			return false, err
		}
		if _, err := client.Write(m); err != nil {
			return false, err
		}
		if m[0] == 'Z' {
			return m[5] == 'I', nil
		}
	}
}

// message reads one message whole: a type byte, its length with itself, its body.
func message(r io.Reader) ([]byte, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	m := bytes.NewBuffer(head)
	_, err := io.CopyN(m, r, int64(binary.BigEndian.Uint32(head[1:]))-4)
	return m.Bytes(), err
}

func TestTransactionPooler(t *testing.T) {
	o := store.Options{URL: startPooler(t)}
	var together sync.WaitGroup
	for range 2 {
		together.Go(func() {
			s, err := store.Open(context.Background(), o)
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	together.Wait()
	for name, test := range map[string]func(*testing.T, *store.Store){"a result": roundTrip, "odd names": oddNames,
		"readers and a writer": readersAndWriter, "looking up": lookUp, "old rows": oldRows} {
		t.Run(name, func(t *testing.T) { test(t, open(t, store.Options{URL: startPooler(t)})) })
	}
}

// TestPreparedStatementsBreakBehindThePooler proves that the pooler of the test above is one.
func TestPreparedStatementsBreakBehindThePooler(t *testing.T) {
	s, err := store.Open(context.Background(), store.Options{URL: startPooler(t) + "&default_query_exec_mode=cache_statement"})
	if err == nil {
		defer s.Close()
		for n := 0; n < 20 && err == nil; n++ {
			_, err = s.Latest(context.Background())
		}
	}
	if err == nil || !strings.Contains(err.Error(), "prepared statement") || !strings.Contains(err.Error(), "pooler") {
		t.Errorf("got %v, want the complaint about a prepared statement and what to do", err)
	}
}
