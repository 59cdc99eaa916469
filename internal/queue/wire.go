package queue

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"plumbline/internal/posture"
)

// formatVersion is the version of everything that this package writes. A version that only adds fields stays the same.
const formatVersion = 1

const (
	formatHeader = "Plumbline-Format"
	factsHeader  = "Plumbline-Capture"
)

// NewerFormatError says that a message was written by a later Plumbline than this one. It was given back without blame.
type NewerFormatError struct{ Found, Known int }

func (e *NewerFormatError) Error() string {
	return fmt.Sprintf("this message has format %d, this Plumbline knows formats up to %d: use a newer Plumbline", e.Found, e.Known)
}

// facts are what is known of a capture beside its picture: the header of its messages and, as they stand, its journal
// entry. JSON, since a device's own words may hold line breaks and anything else.
type facts struct {
	ID         string    `json:"id"`
	Device     string    `json:"device"`
	Topic      string    `json:"topic"`
	Source     string    `json:"source,omitempty"`
	ReceivedAt time.Time `json:"received_at"`
	TakenAt    time.Time `json:"taken_at,omitzero"`
	PacketID   uint16    `json:"packet_id,omitempty"`
	QoS        byte      `json:"qos"`
	SHA256     string    `json:"sha256"` // hexadecimal, of the picture; of the payload when it was refused
	Size       int64     `json:"size"`   // bytes of the same
	Refused    bool      `json:"refused,omitempty"`
	Death      *death    `json:"death,omitempty"`
	// Replayed is the time of the death that a replay undid. It tells a letter whose replay is under way from a burial
	// under way, both of which stand in the queue and among the dead letters.
	Replayed time.Time `json:"replayed,omitzero"`
}

// death is what a dead letter says beyond the capture.
type death struct {
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
	Attempts int       `json:"attempts"`
}

// undone reports whether a dead letter of that time is one that the capture was replayed from.
func (f facts) undone(buried time.Time) bool { return !buried.IsZero() && buried.Equal(f.Replayed) }

func newMessage(subject string, f facts, picture []byte) (*nats.Msg, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("writing facts of capture %s: %w", f.ID, err)
	}
	m := nats.NewMsg(subject)
	m.Header.Set(formatHeader, strconv.Itoa(formatVersion))
	m.Header.Set(factsHeader, string(text))
	m.Data = picture
	return m, nil
}

// checkFormat returns a NewerFormatError for a message from the future.
func checkFormat(h nats.Header) error {
	text := h.Get(formatHeader)
	version, err := strconv.Atoi(text)
	if err != nil || version < 1 {
		return fmt.Errorf("message with format %q is none of ours", text)
	}
	if version > formatVersion {
		return &NewerFormatError{Found: version, Known: formatVersion}
	}
	return nil
}

func readFacts(h nats.Header) (facts, error) {
	var f facts
	if err := checkFormat(h); err != nil {
		return f, err
	}
	return parseFacts([]byte(h.Get(factsHeader)))
}

func parseFacts(text []byte) (facts, error) {
	var f facts
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("reading facts of a capture: %w", err)
	}
	if !validID(f.ID) {
		return f, fmt.Errorf("reading facts of a capture: %q is no capture id", f.ID)
	}
	return f, nil
}

func (f facts) capture(picture []byte) posture.Capture {
	return posture.Capture{
		ID: f.ID, Device: f.Device, Topic: f.Topic, Source: f.Source,
		ReceivedAt: f.ReceivedAt, TakenAt: f.TakenAt, Picture: picture,
	}
}

// encodeResult puts a result into one message: four bytes with the length of the JSON, the JSON, the annotated JPEG.
func encodeResult(r posture.Result) ([]byte, error) {
	annotated := r.Annotated
	r.Annotated = nil
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("writing the result of capture %s: %w", r.CaptureID, err)
	}
	b := make([]byte, 0, 4+len(text)+len(annotated))
	b = binary.BigEndian.AppendUint32(b, uint32(len(text))) //nolint:gosec // a few kilobytes
	b = append(b, text...)
	return append(b, annotated...), nil
}

func decodeResult(b []byte) (posture.Result, error) {
	var r posture.Result
	if len(b) < 4 {
		return r, errors.New("reading a result: it is cut off")
	}
	n := int64(binary.BigEndian.Uint32(b))
	b = b[4:]
	if n > int64(len(b)) {
		return r, fmt.Errorf("reading a result: %d bytes of numbers are promised, %d are there", n, len(b))
	}
	if err := json.Unmarshal(b[:n], &r); err != nil {
		return r, fmt.Errorf("reading a result: %w", err)
	}
	if !validID(r.CaptureID) {
		return r, fmt.Errorf("reading a result: %q is no capture id", r.CaptureID)
	}
	if r.Annotated = nil; n < int64(len(b)) {
		r.Annotated = b[n:]
	}
	return r, nil
}
