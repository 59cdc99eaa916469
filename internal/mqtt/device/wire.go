package device

import (
	"context"
	"errors"
	"io"
	"syscall"
)

// wire is one version of the protocol, as far as a device needs it.
type wire interface {
	connect(w io.Writer, clientID string, o Options) error
	publish(w io.Writer, topic string, o *outgoing, again bool) error
	ping(w io.Writer) error
	disconnect(w io.Writer) error
	read(r io.Reader) (event, error)
}

// What a broker sends.
type (
	event any

	// welcome is CONNACK. Reason codes are those of MQTT 5, into which those of 3.1.1 are put.
	welcome struct {
		code      byte
		words     string
		maxPacket int64 // bytes; 0 when the broker names no limit
		window    int   // messages that may wait for their acknowledgement
	}
	// answer is an acknowledgement.
	answer struct {
		id     uint16
		code   byte
		reason string
	}
	farewell struct {
		code  byte
		words string
	}
	otherEvent struct{} // a ping's answer
)

// unlimited is the window of a broker that names none.
const unlimited = 65535

// Versions of MQTT.
const (
	Version5  = "5"
	Version31 = "3.1.1"
)

// connect speaks the version asked for; else MQTT 5, or 3.1.1 when the broker refuses that: by saying so, or as RabbitMQ 3.10 does
// by closing the connection. What it spoke is kept until a connection fails, since it may come back as another version.
func (s *sender) connect(ctx context.Context) (*link, error) {
	switch {
	case s.options.Version == Version31 || s.old:
		l, err := open(ctx, s.options, wire3{})
		s.old = s.old && err == nil
		return l, err
	case s.options.Version == Version5:
		return open(ctx, s.options, wire5{})
	}
	l, err := open(ctx, s.options, wire5{})
	said := errors.Is(err, errOldProtocol)
	if !said && !closedAtOnce(err) {
		return l, err
	}
	l, errOld := open(ctx, s.options, wire3{})
	s.old = errOld == nil
	if errOld != nil && !said && !isFinal(errOld) {
		return nil, err // the first says more
	}
	if s.old {
		s.options.Logger.Info("the MQTT broker speaks 3.1.1 only")
	}
	return l, errOld
}

func closedAtOnce(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}
