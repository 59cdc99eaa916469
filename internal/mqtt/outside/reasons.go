package outside

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"plumbline/internal/mqtt/dial"
)

// Reason codes of MQTT 5 (2.4) that have a sentence of their own.
const (
	reasonUnspecified   = 0x80
	reasonVersion       = 0x84
	reasonClientID      = 0x85
	reasonPassword      = 0x86
	reasonNotAuthorised = 0x87
	reasonUnavailable   = 0x88
	reasonBusy          = 0x89
	reasonShuttingDown  = 0x8b
	reasonTakenOver     = 0x8e
	reasonTooLarge      = 0x95
	reasonQuota         = 0x97
)

// errOldProtocol says that the broker does not speak the version.
var errOldProtocol = errors.New("the MQTT broker does not speak this version of MQTT")

// refusal is a broker's answer to a login.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// refusedLogin is the sentence for a CONNACK with a reason.
func refusedLogin(code byte, words string, l login) error {
	switch code {
	case reasonVersion:
		return errOldProtocol
	case reasonPassword, reasonNotAuthorised:
		if l.user == "" {
			return errors.New("the MQTT broker wants an account: give a user name in the URL, and its password")
		}
		if l.password == "" {
			return fmt.Errorf("the MQTT broker does not accept user %q without a password (--mqtt-password-file, or PLUMBLINE_MQTT_PASSWORD)", l.user)
		}
		return fmt.Errorf("the MQTT broker does not accept user %q with this password", l.user)
	case reasonClientID:
		return errors.New("the MQTT broker does not accept the client identifier (choose another with --mqtt-client-id)")
	case reasonUnavailable, reasonBusy:
		return errors.New("the MQTT broker takes no connections for now")
	}
	return fmt.Errorf("the MQTT broker refused the connection: reason %#x %s", code, words)
}

// refusedSubscription is the sentence for a SUBACK with a reason.
func refusedSubscription(code byte, words, user, filter string) error {
	if code == reasonNotAuthorised || code == reasonUnspecified { // 3.1.1 knows no other than 0x80
		return fmt.Errorf("the MQTT broker does not let %s subscribe to %s", account(user), filter)
	}
	return fmt.Errorf("the MQTT broker refused the subscription to %s: reason %#x %s", filter, code, words)
}

// refusedResult is the sentence for a PUBACK with a reason.
func refusedResult(code byte, words, user, topic string) error {
	if code == reasonNotAuthorised {
		return fmt.Errorf("the MQTT broker does not let %s publish on %s", account(user), topic)
	}
	return fmt.Errorf("the MQTT broker refused a message on %s: reason %#x %s", topic, code, words)
}

// said is the sentence for a DISCONNECT.
func (f farewell) said() error {
	switch f.code {
	case reasonTakenOver:
		return errors.New("another client with the same client identifier has taken the session over: does a second hub run?")
	case reasonShuttingDown:
		return errors.New("the MQTT broker is shutting down")
	case reasonTooLarge:
		return errors.New("the MQTT broker takes no packet as large as the one it was sent")
	case reasonQuota:
		return errors.New("the MQTT broker's quota for this client is used up")
	}
	return fmt.Errorf("the MQTT broker closed the connection: reason %#x %s", f.code, f.words)
}

func account(user string) string {
	if user == "" {
		return "clients without an account"
	}
	return fmt.Sprintf("user %q", user)
}

// broken is the sentence for a connection that ended without a word.
func (s *session) broken(err error) error {
	what := "the connection to the MQTT broker %s broke: %w"
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		what = "the MQTT broker %s is silent: %w"
	case closedAtOnce(err):
		what = "the MQTT broker %s closed the connection: %w"
	}
	return fmt.Errorf(what, s.options.Broker, dial.Explain(err))
}

func closedAtOnce(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}
