package ingest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/mqtt/ingest"
)

const limit = 1 << 20

// Pictures by their first bytes; what follows is for a decoder.
var (
	jpeg = []byte("\xff\xd8\xff\xe0 jpeg \xfb\xef\xbe\xff\x00")
	png  = []byte("\x89PNG\r\n\x1a\n png \xfb\xef\xbe\xff")
	webp = []byte("RIFF\x10\x00\x00\x00WEBPVP8 webp \xfb\xef\xbe")
)

func std(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// wrapped breaks a text into lines as base64(1) and MIME do.
func wrapped(s string, width int, end string) string {
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + end)
		s = s[width:]
	}
	return b.String() + s + end
}

func TestParse(t *testing.T) {
	long := append(bytes.Clone(jpeg), bytes.Repeat([]byte("\xfb\xef\xbe"), 1000)...)
	for name, c := range map[string]struct {
		payload string
		want    ingest.Envelope
	}{
		"raw JPEG":                     {string(jpeg), ingest.Envelope{Picture: jpeg, Form: ingest.FormRaw}},
		"raw PNG":                      {string(png), ingest.Envelope{Picture: png, Form: ingest.FormRaw}},
		"raw WebP":                     {string(webp), ingest.Envelope{Picture: webp, Form: ingest.FormRaw}},
		"base64":                       {std(jpeg), ingest.Envelope{Picture: jpeg, Form: ingest.FormBase64}},
		"base64 of PNG":                {std(png), ingest.Envelope{Picture: png, Form: ingest.FormBase64}},
		"base64, URL alphabet":         {base64.URLEncoding.EncodeToString(long), ingest.Envelope{Picture: long, Form: ingest.FormBase64}},
		"base64, no padding":           {base64.RawStdEncoding.EncodeToString(jpeg), ingest.Envelope{Picture: jpeg, Form: ingest.FormBase64}},
		"base64, URL, no padding":      {base64.RawURLEncoding.EncodeToString(jpeg), ingest.Envelope{Picture: jpeg, Form: ingest.FormBase64}},
		"base64 in lines":              {wrapped(std(long), 76, "\n"), ingest.Envelope{Picture: long, Form: ingest.FormBase64}},
		"base64 in lines of MIME":      {wrapped(std(long), 76, "\r\n"), ingest.Envelope{Picture: long, Form: ingest.FormBase64}},
		"base64, indented":             {"  " + wrapped(std(long), 60, "\n\t "), ingest.Envelope{Picture: long, Form: ingest.FormBase64}},
		"base64, byte order mark, NUL": {"\xef\xbb\xbf" + std(jpeg) + "\x00", ingest.Envelope{Picture: jpeg, Form: ingest.FormBase64}},
		"data URI":                     {"data:image/jpeg;base64," + std(jpeg), ingest.Envelope{Picture: jpeg, Form: ingest.FormDataURI}},
		"data URI, lying":              {"data:image/png;base64," + std(jpeg), ingest.Envelope{Picture: jpeg, Form: ingest.FormDataURI}},
		"data URI, parameters":         {"DATA:image/jpeg;name=a.jpg;BASE64," + std(jpeg), ingest.Envelope{Picture: jpeg, Form: ingest.FormDataURI}},
		"JSON":                         {`{"image":"` + std(jpeg) + `"}`, ingest.Envelope{Picture: jpeg, Form: ingest.FormJSON}},
		"JSON, all of it": {`{"filename":"desk.jpg","taken_at":"2026-03-01T13:00:00+01:00","image":"` + std(jpeg) + `","more":[1,{}]}`,
			ingest.Envelope{Picture: jpeg, Form: ingest.FormJSON, Source: "desk.jpg", TakenAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}},
		"JSON with a data URI":         {`{"image":"data:image/jpeg;base64,` + std(jpeg) + `"}`, ingest.Envelope{Picture: jpeg, Form: ingest.FormJSON}},
		"JSON as PHP escapes it":       {`{"image":"` + strings.ReplaceAll(std(long), "/", `\/`) + `"}`, ingest.Envelope{Picture: long, Form: ingest.FormJSON}},
		"JSON with escaped line ends":  {`{"image":"` + wrapped(std(long), 76, `\n`) + `"}`, ingest.Envelope{Picture: long, Form: ingest.FormJSON}},
		"JSON, nested image first":     {`{"x":{"image":"` + std(png) + `"},"image":"` + std(jpeg) + `"}`, ingest.Envelope{Picture: jpeg, Form: ingest.FormJSON}},
		"JSON, image twice":            {`{"image":"` + std(png) + `","image" : "` + std(jpeg) + `"}`, ingest.Envelope{Picture: jpeg, Form: ingest.FormJSON}},
		"JSON, image in a name":        {`{"filename":"\"image\":\"","image":"` + std(jpeg) + `"}`, ingest.Envelope{Picture: jpeg, Form: ingest.FormJSON, Source: `"image":"`}},
		"JSON with a number as a name": {`{"image":"` + std(jpeg) + `","filename":7}`, ingest.Envelope{Picture: jpeg, Form: ingest.FormJSON}},
		"JSON with a path as a name":   {`{"image":"` + std(jpeg) + `","filename":"../../etc/\u0000\u202ex\n.jpg "}`, ingest.Envelope{Picture: jpeg, Form: ingest.FormJSON, Source: "../../etc/x.jpg"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ingest.Parse([]byte(c.payload), limit)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	big := append(bytes.Clone(jpeg), make([]byte, limit)...)
	for name, c := range map[string]struct{ payload, reason string }{
		"nothing":                {"", "empty"},
		"blanks":                 {" \r\n\x00", "empty"},
		"text":                   {"hello, world", `begins with "hello, world"`},
		"HTML":                   {"<!doctype html><title>404</title>", "HTML"},
		"GIF":                    {"GIF89a\x01\x00", "GIF"},
		"HEIC":                   {"\x00\x00\x00\x18ftypheic\x00", "HEIC"},
		"other bytes":            {"\x01\x02\x03\x04\x05\x06\x07\x08\x09", "no known format (01 02 03 04 05 06 07 08"},
		"base64 of a GIF":        {std([]byte("GIF89a picture of an old kind")), "GIF"},
		"base64 of base64":       {std([]byte(std(jpeg))), "base64 once more"},
		"base64 of nothing":      {"====", "holds nothing"},
		"base64, damaged":        {std(bytes.Repeat(jpeg, 10))[:50] + "*" + std(jpeg), "damaged at character 50"},
		"Python's bytes":         {"b'" + std(jpeg) + "'", "Python bytes object"},
		"data URI without comma": {"data:image/jpeg;base64", "no comma"},
		"data URI as text":       {"data:image/svg+xml,%3Csvg%3E", "not base64"},
		"raw, too large":         {string(big), fmt.Sprintf("%d bytes, the limit is %d", len(big), limit)},
		"base64, too large":      {std(big), fmt.Sprintf("%d bytes, the limit is %d", len(big), limit)},
		"JSON, too large":        {`{"image":"` + std(big) + `"}`, "the limit is"},
		"JSON, a bare line end":  {`{"image":"` + wrapped(std(jpeg), 10, "\n") + `"}`, "begins like JSON"},
		"JSON, nested only":      {`{"x":{"image":"` + std(jpeg) + `"}}`, `"image": it is missing`},
		"JSON, cut off":          {`{"image":"` + std(jpeg), "begins like JSON"},
		"JSON without image":     {`{"filename":"x"}`, `"image": it is missing`},
		"JSON, image null":       {`{"image":null}`, `"image": it is missing`},
		"JSON, image a number":   {`{"image":[255,216]}`, `"image": it is not a string`},
		"JSON, image of text":    {`{"image":"none"}`, `"image": the base64 text holds`},
		"a JSON array":           {`["` + std(jpeg) + `"]`, "JSON array"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ingest.Parse([]byte(c.payload), limit)
			if err == nil {
				t.Fatalf("read as %s, %d bytes", got.Form, len(got.Picture))
			}
			if !strings.Contains(err.Error(), c.reason) {
				t.Errorf("the reason %q does not say %q", err, c.reason)
			}
		})
	}
}

func TestTakenAt(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		json    string
		want    time.Time
		ignored bool
	}{
		"not said":           {`null`, time.Time{}, false},
		"UTC":                {`"2026-03-01T12:00:00Z"`, noon, false},
		"another zone":       {`"2026-03-01T09:30:00.250-02:30"`, noon.Add(250 * time.Millisecond), false},
		"seconds":            {`1772366400`, noon, false},
		"seconds, fraction":  {`1772366400.25`, noon.Add(250 * time.Millisecond), false},
		"milliseconds":       {`1772366400250`, noon.Add(250 * time.Millisecond), false},
		"before 1970":        {`-1.5`, time.Unix(-2, 5e8).UTC(), false},
		"no zone":            {`"2026-03-01T12:00:00"`, time.Time{}, true},
		"in words":           {`"yesterday"`, time.Time{}, true},
		"an object":          {`{}`, time.Time{}, true},
		"beyond all numbers": {`1e300`, time.Time{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := ingest.Parse([]byte(`{"image":"`+std(jpeg)+`","taken_at":`+c.json+`}`), limit)
			if err != nil {
				t.Fatal(err)
			}
			if !e.TakenAt.Equal(c.want) || (e.Ignored != "") != c.ignored {
				t.Errorf("got %s, ignored %q", e.TakenAt, e.Ignored)
			}
		})
	}
}

// Nothing is allocated for a picture over the limit, however large a message says it is.
func TestTooLargeIsNotDecoded(t *testing.T) {
	text := []byte(std(append(bytes.Clone(jpeg), make([]byte, 8*limit)...)))
	allocated := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, err := ingest.Parse(text, limit); err == nil {
				b.Fatal("read")
			}
		}
	}).AllocedBytesPerOp()
	if allocated > 10_000 {
		t.Errorf("%d bytes were allocated", allocated)
	}
}

// FuzzParse: whatever comes, Parse gives a picture within the limit or a reason; it does not panic.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "{", "data:,", "b'", std(jpeg), string(png), `{"image":"` + std(webp) + `","taken_at":1e12}`, "\xef\xbb\xbf=", "data:;base64," + std(jpeg)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		const small = 1000
		before := bytes.Clone(payload)
		e, err := ingest.Parse(payload, small)
		switch {
		case err != nil && (err.Error() == "" || e.Picture != nil):
			t.Errorf("refused without a reason, or with a picture: %v", err)
		case err == nil && (len(e.Picture) == 0 || len(e.Picture) > small || e.Form == "" || len(e.Source) > 255):
			t.Errorf("got %d bytes, form %q, name of %d bytes", len(e.Picture), e.Form, len(e.Source))
		}
		if !bytes.Equal(before, payload) {
			t.Error("the payload was changed")
		}
	})
}

// FuzzRoundTrip: what a device encodes in any of the forms comes out as it was.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("picture"), uint64(1))
	f.Add([]byte{}, uint64(7))
	f.Fuzz(func(t *testing.T, tail []byte, seed uint64) {
		picture := append(bytes.Clone(jpeg), tail...)
		r := rand.New(rand.NewPCG(seed, 0))
		for form, payload := range encodings(picture, r) {
			got, err := ingest.Parse(payload, limit)
			if err != nil || !bytes.Equal(got.Picture, picture) {
				t.Errorf("%s: %d bytes became %d: %v", form, len(picture), len(got.Picture), err)
			}
		}
	})
}

// encodings puts a picture into every form, at random in what is free to choose.
func encodings(picture []byte, r *rand.Rand) map[string][]byte {
	alphabets := []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding}
	text := alphabets[r.IntN(4)].EncodeToString(picture)
	end := []string{"\n", "\r\n", " \n"}[r.IntN(3)]
	lines := wrapped(text, 1+r.IntN(80), end)
	quoted, _ := json.Marshal(map[string]string{"image": lines}) // strings always marshal
	return map[string][]byte{
		"raw": picture, "base64": []byte(text), "base64 in lines": []byte(lines),
		"data URI": []byte("data:image/jpeg;base64," + lines), "JSON": quoted,
	}
}

func benchmark(b *testing.B, payload []byte) {
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ingest.Parse(payload, limit); err != nil {
			b.Fatal(err)
		}
	}
}

func photo() []byte { return append(bytes.Clone(jpeg), make([]byte, 100_000)...) }

func BenchmarkBase64(b *testing.B)      { benchmark(b, []byte(std(photo()))) }
func BenchmarkBase64Lines(b *testing.B) { benchmark(b, []byte(wrapped(std(photo()), 76, "\n"))) }
func BenchmarkJSON(b *testing.B)        { benchmark(b, []byte(`{"image":"`+std(photo())+`"}`)) }
func BenchmarkRaw(b *testing.B)         { benchmark(b, photo()) }
