package freeport_test

import (
	"net"
	"testing"

	"plumbline/internal/testkit/freeport"
)

func TestPortsDifferAndAreFree(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		address, err := freeport.Address()
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", address)
		if err != nil || seen[address] {
			t.Fatalf("%s: %v; had before: %t", address, err, seen[address])
		}
		defer l.Close() //nolint:revive // all of them at once
		seen[address] = true
	}
}
