package ingest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// Envelope is what a payload holds: an encoded picture and what its sender says about it.
type Envelope struct {
	Picture []byte // JPEG, PNG or WebP by its first bytes; may share memory with the payload
	Source  string // the sender's name for the picture, cut and cleaned; empty when it gave none
	TakenAt time.Time
	Form    Form
	// Ignored says why a taken_at was not understood; the picture is good nevertheless.
	Ignored string
}

// Form is the form in which a picture came.
type Form string

// The forms.
const (
	FormRaw     Form = "raw"
	FormBase64  Form = "base64"
	FormDataURI Form = "data-uri"
	FormJSON    Form = "json"
)

// Parse reads a payload: the bytes of a JPEG, PNG or WebP file; base64 of them in the standard or the URL alphabet, with or
// without padding and line breaks; a data URI; or a JSON object {"image": base64 or data URI, "filename": …, "taken_at": …}.
// No picture longer than maxPicture bytes is returned or allocated. The error is the reason to tell people.
func Parse(payload []byte, maxPicture int64) (Envelope, error) {
	if isPicture(payload) {
		return checked(Envelope{Picture: payload, Form: FormRaw}, maxPicture)
	}
	text := trim(payload)
	switch {
	case len(text) == 0:
		return Envelope{}, errors.New("the message is empty, or nothing but white space and zeros")
	case text[0] == '{':
		return parseJSON(text, maxPicture)
	}
	picture, form, err := parseText(text, maxPicture)
	if err != nil {
		return Envelope{}, err
	}
	return Envelope{Picture: picture, Form: form}, nil
}

func checked(e Envelope, maxPicture int64) (Envelope, error) {
	if int64(len(e.Picture)) > maxPicture {
		return Envelope{}, tooLarge(int64(len(e.Picture)), maxPicture)
	}
	return e, nil
}

func tooLarge(size, limit int64) error {
	return fmt.Errorf("the picture has %d bytes, the limit is %d", size, limit)
}

// parseText reads base64 or a data URI.
func parseText(text []byte, maxPicture int64) ([]byte, Form, error) {
	form := FormBase64
	if hasPrefixFold(text, "data:") {
		var err error
		if text, err = dataURIBody(text); err != nil {
			return nil, "", err
		}
		form = FormDataURI
	}
	picture, err := decodeBase64(text, maxPicture)
	if err != nil {
		return nil, "", err
	}
	if !isPicture(picture) {
		return nil, "", fmt.Errorf("the base64 text holds %s; a JPEG, PNG or WebP picture is wanted", describe(picture))
	}
	return picture, form, nil
}

// dataURIBody is what follows the comma of data:[<media type>][;parameters];base64,<body> (RFC 2397). The media type is
// not believed: the picture's first bytes say what it is.
func dataURIBody(text []byte) ([]byte, error) {
	head, body, found := bytes.Cut(text, []byte(","))
	if !found {
		return nil, errors.New("the data URI has no comma before its body")
	}
	if !bytes.HasSuffix(bytes.ToLower(bytes.TrimSpace(head)), []byte(";base64")) {
		return nil, errors.New("the data URI is not base64 (it lacks ;base64 before the comma)")
	}
	return body, nil
}

// decodeBase64 allocates the picture and nothing else, unless the text has blanks inside: then a copy without them.
func decodeBase64(text []byte, maxPicture int64) ([]byte, error) {
	whole := text
	if holds(text, ' ') || holds(text, '\t') {
		text = withoutBlanks(text)
	}
	text = bytes.TrimRight(text, "=\r\n")
	encoding := base64.RawStdEncoding
	if holds(text, '-') || holds(text, '_') {
		encoding = base64.RawURLEncoding
	}
	breaks := bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r"))
	size := int64(encoding.DecodedLen(len(text) - breaks))
	if size > maxPicture {
		return nil, tooLarge(size, maxPicture)
	}
	// Line breaks are skipped by the decoder, which still wants room for the text's whole length.
	picture := make([]byte, encoding.DecodedLen(len(text)))
	n, err := encoding.Decode(picture, text)
	if err != nil {
		return nil, notBase64(whole, err)
	}
	return picture[:n], nil
}

func withoutBlanks(text []byte) []byte {
	kept := make([]byte, 0, len(text))
	for _, c := range text {
		if c != ' ' && c != '\t' {
			kept = append(kept, c)
		}
	}
	return kept
}

// holds is quicker than bytes.ContainsAny, which goes byte by byte.
func holds(b []byte, c byte) bool { return bytes.IndexByte(b, c) >= 0 }

func notBase64(text []byte, err error) error {
	if bytes.HasPrefix(text, []byte("b'")) || bytes.HasPrefix(text, []byte(`b"`)) {
		return errors.New("the message is the text of a Python bytes object (b'…'): publish the bytes themselves, not str() of them")
	}
	var at base64.CorruptInputError
	if errors.As(err, &at) && int64(at) < 16 {
		return fmt.Errorf("the message is %s; wanted is a JPEG, PNG or WebP picture, raw, in base64, as a data URI or in JSON", describe(text))
	}
	return fmt.Errorf("the base64 text is damaged at character %d of %d", int64(at), len(text))
}

// trim takes away what may stand around a text: blanks, line ends, a byte order mark, C's final zero.
func trim(b []byte) []byte {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	return bytes.TrimRight(b, " \t\r\n\x00")
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && bytes.EqualFold(b[:len(prefix)], []byte(prefix))
}
