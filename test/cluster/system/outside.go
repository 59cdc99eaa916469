//go:build linux

package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"plumbline/internal/testkit/postgres"
)

// Where pods find what stands outside the cluster.
const (
	DatabaseAddress = Machine + ":5432"
	BrokerAddress   = Machine + ":1883"
)

// startOutside starts PostgreSQL and Mosquitto.
func (c *Cluster) startOutside(ctx context.Context) error {
	if len(c.Nodes) == 0 {
		return nil // nothing that could ask them runs on a node that only pretends
	}
	if err := c.startBroker(ctx); err != nil {
		return err
	}
	var err error
	if c.Database, err = postgres.New(postgres.Options{}); err != nil {
		return err
	}
	return forward(DatabaseAddress, c.Database.Address())
}

func (c *Cluster) startBroker(ctx context.Context) error {
	file := c.data("mosquitto.conf")
	// It keeps everything that waits for the hub; its default forgets what is beyond a thousand.
	text := "listener 1883 " + Machine + "\nallow_anonymous true\nuser root\nlog_dest stderr\nmax_queued_messages 0\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	ready := func(ctx context.Context) error { return listens(ctx, BrokerAddress) }
	return c.run(ctx, "mosquitto", ready, "mosquitto", "-c", file)
}

// forward takes connections at one address and carries them to another, to the end of the process: PostgreSQL listens on the
// loopback only, where no pod comes.
func forward(from, to string) error {
	listener, err := net.Listen("tcp", from)
	if err != nil {
		return fmt.Errorf("opening a way to %s: %w", to, err)
	}
	go func() {
		for {
			client, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go carry(client, to)
			}
		}
	}()
	return nil
}

func carry(client net.Conn, to string) {
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		io.Copy(server, client) //nolint:errcheck // either end may go at any time
		server.Close()
	}()
	io.Copy(client, server) //nolint:errcheck // likewise
}

// DatabaseURL is how a database is reached from pods and processes alike.
func (c *Cluster) DatabaseURL(name string) string {
	return strings.Replace(c.Database.URL(name), c.Database.Address(), DatabaseAddress, 1)
}
