package gate_test

import (
	"testing"
	"time"

	"plumbline/internal/mqtt/gate"
)

func TestShutWaitsForThoseInside(t *testing.T) {
	var g gate.Gate
	if !g.Enter() {
		t.Fatal("an open gate lets nobody in")
	}
	shut := make(chan struct{})
	go func() {
		g.Shut(time.Minute)
		close(shut)
	}()
	for g.Enter() { // until it is being shut
		g.Leave()
	}
	select {
	case <-shut:
		t.Fatal("shut with somebody inside")
	default:
	}
	g.Leave()
	<-shut
}

func TestShutDoesNotWaitForEver(t *testing.T) {
	var g gate.Gate
	g.Enter()
	g.Shut(time.Millisecond)
	g.Leave() // late, and harmless
	if g.Enter() {
		t.Error("a shut gate lets somebody in")
	}
}
