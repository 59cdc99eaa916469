package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxSourceBytes bounds the sender's name for a picture, as file systems do.
const maxSourceBytes = 255

type envelope struct {
	Image    json.RawMessage `json:"image"`
	Filename json.RawMessage `json:"filename"`
	TakenAt  json.RawMessage `json:"taken_at"`
}

func parseJSON(text []byte, maxPicture int64) (Envelope, error) {
	raw, body, err := openEnvelope(text)
	if err != nil {
		return Envelope{}, err
	}
	picture, _, err := parseText(trim(body), maxPicture)
	if err != nil {
		return Envelope{}, fmt.Errorf(`the JSON object's "image": %w`, err)
	}
	e := Envelope{Picture: picture, Form: FormJSON, Source: source(raw.Filename)}
	e.TakenAt, err = takenAt(raw.TakenAt)
	if err != nil {
		e.Ignored = err.Error()
	}
	return e, nil
}

// openEnvelope reads the object and its image's text. encoding/json goes through a picture byte by byte, twice, and copies
// it; so the picture is first cut out where it seems to stand, and only when the rest does not read as it should then is
// the whole read.
func openEnvelope(text []byte) (raw envelope, body []byte, err error) {
	if rest, body, found := cutImage(text); found {
		if json.Unmarshal(rest, &raw) == nil && string(raw.Image) == placeholder {
			return raw, body, nil
		}
		raw = envelope{}
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return raw, nil, fmt.Errorf("the message begins like JSON, but is none: %w", err)
	}
	if body, err = jsonText(raw.Image); err != nil {
		return raw, nil, fmt.Errorf(`the JSON object's "image": %w`, err)
	}
	return raw, body, nil
}

// placeholder stands where the picture was; no picture reads like it.
const placeholder = `"the picture was here"`

// cutImage finds what looks like the image's string, without escapes, and puts the placeholder in its place.
func cutImage(text []byte) (rest, body []byte, found bool) {
	const key = `"image"`
	at := bytes.Index(text, []byte(key))
	if at < 0 {
		return nil, nil, false
	}
	value := bytes.TrimLeft(text[at+len(key):], " \t\r\n")
	if len(value) == 0 || value[0] != ':' {
		return nil, nil, false
	}
	value = bytes.TrimLeft(value[1:], " \t\r\n")
	if len(value) == 0 || value[0] != '"' {
		return nil, nil, false
	}
	length := bytes.IndexByte(value[1:], '"')
	if length < 0 {
		return nil, nil, false
	}
	body = value[1 : 1+length]
	if holds(body, '\\') || holds(body, '\n') || holds(body, '\r') || holds(body, '\t') {
		return nil, nil, false // escapes, or what JSON forbids in a string: for the real parser
	}
	head, tail := text[:len(text)-len(value)], value[1+length+1:]
	return slices.Concat(head, []byte(placeholder), tail), body, true
}

// jsonText is a JSON string's text, without a copy where nothing is escaped.
func jsonText(raw json.RawMessage) ([]byte, error) {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return nil, errors.New("it is missing")
	case raw[0] != '"':
		return nil, errors.New("it is not a string")
	case bytes.IndexByte(raw, '\\') < 0:
		return raw[1 : len(raw)-1], nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	return []byte(s), nil
}

// source keeps a name for people to read: no control or direction characters, a bounded length. It is never used as a path.
// A name of another type than a string is none.
func source(raw json.RawMessage) string {
	var name string
	if json.Unmarshal(raw, &name) != nil {
		return ""
	}
	return CleanSource(name)
}

// CleanSource makes a name from outside fit to be shown and stored.
func CleanSource(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, name)
	for len(name) > maxSourceBytes {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return strings.TrimSpace(name)
}

// takenAt reads RFC 3339 or seconds since 1970 as a number, with fractions; numbers too large for that are milliseconds,
// as JavaScript counts. A time without a zone is no time: which zone a camera is in is not ours to guess.
func takenAt(raw json.RawMessage) (time.Time, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return time.Time{}, nil
	}
	var seconds float64
	if json.Unmarshal(raw, &seconds) == nil {
		return fromSeconds(seconds)
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return time.Time{}, fmt.Errorf("taken_at is neither a text nor a number")
	}
	t, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(text))
	if err != nil {
		return time.Time{}, fmt.Errorf("taken_at %.40q is not RFC 3339 with a zone, as in 2006-01-02T15:04:05Z", text)
	}
	return t.UTC(), nil
}

// milliseconds begin where seconds would be beyond the year 5138.
const milliseconds = 1e11

func fromSeconds(s float64) (time.Time, error) {
	if math.Abs(s) >= milliseconds {
		s /= 1000
	}
	if math.Abs(s) >= milliseconds {
		return time.Time{}, errors.New("taken_at is no time in seconds or milliseconds since 1970")
	}
	whole, fraction := math.Modf(s)
	return time.Unix(int64(whole), int64(math.Round(fraction*1e6))*1000).UTC(), nil
}
