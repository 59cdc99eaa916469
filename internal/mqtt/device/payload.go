package device

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

func encode(f Form, p Picture) ([]byte, error) {
	switch f {
	case Raw:
		return p.Bytes, nil
	case Base64:
		return base64.StdEncoding.AppendEncode(nil, p.Bytes), nil
	case Envelope:
		return envelope(p)
	}
	return nil, fmt.Errorf("there is no form %d", f)
}

func envelope(p Picture) ([]byte, error) {
	e := struct {
		Image    []byte     `json:"image"` // encoding/json makes base64 of it
		Filename string     `json:"filename,omitempty"`
		TakenAt  *time.Time `json:"taken_at,omitempty"`
	}{Image: p.Bytes, Filename: p.Name}
	if !p.TakenAt.IsZero() {
		taken := p.TakenAt.UTC()
		e.TakenAt = &taken
	}
	payload, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("putting %s into JSON: %w", p.Name, err)
	}
	return payload, nil
}
