// Package freeport finds addresses for servers that must know theirs before they listen, or have the same one when they start
// again. It refuses to promise that nobody else takes one meanwhile; it makes that rare: the ports lie below those that Linux
// gives to outgoing connections (net.ipv4.ip_local_port_range, from 32768 on), and none is given twice by one process.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

const lowest, highest, tries = 20_000, 32_767, 1000

var given sync.Map // ports that this process has had

// Port is one that nobody listens on, on loopback.
func Port() (int, error) {
	last := errors.New("all of them were given before")
	for range tries {
		port := lowest + rand.IntN(highest-lowest+1)
		if _, had := given.LoadOrStore(port, true); had {
			continue
		}
		var l net.Listener
		if l, last = net.Listen("tcp", address(port)); last == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port from %d to %d: %w", lowest, highest, last)
}

// Address is 127.0.0.1 with such a port.
func Address() (string, error) {
	port, err := Port()
	return address(port), err
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
