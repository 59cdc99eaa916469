package ingest

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// isPicture looks at the first bytes only.
func isPicture(b []byte) bool {
	return bytes.HasPrefix(b, []byte("\xff\xd8\xff")) || // JPEG: SOI and the next marker
		bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) ||
		(len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP")
}

// others are formats that people send by mistake, by the bytes at an offset.
var others = []struct {
	offset      int
	magic, name string
}{
	{0, "GIF8", "a GIF picture"},
	{0, "BM", "a BMP picture"},
	{0, "II*\x00", "a TIFF picture"},
	{0, "MM\x00*", "a TIFF picture"},
	{4, "ftypheic", "a HEIC picture"},
	{4, "ftypavif", "an AVIF picture"},
	{4, "ftyp", "an MP4 film or a HEIF picture"},
	{0, "%PDF", "a PDF document"},
	{0, "\x1f\x8b", "gzip-compressed data"},
	{0, "PK\x03\x04", "a ZIP archive"},
	{0, "<", "a text in HTML, XML or SVG"},
	{0, "/9j/", "base64 once more"},
	{0, "iVBOR", "base64 once more"},
	{0, "[", "a JSON array"},
}

// describe says what foreign bytes look like.
func describe(b []byte) string {
	if len(b) == 0 {
		return "nothing"
	}
	for _, o := range others {
		if len(b) > o.offset && bytes.HasPrefix(b[o.offset:], []byte(o.magic)) {
			return o.name
		}
	}
	head := b[:min(len(b), 24)]
	for len(head) > 0 && len(head) < len(b) && !utf8.Valid(head) && len(head) > 20 {
		head = head[:len(head)-1]
	}
	if utf8.Valid(head) && !bytes.ContainsAny(head, "\x00\x01\x02\x03\x04\x05\x06\x07") {
		return fmt.Sprintf("a text that begins with %q", head)
	}
	return fmt.Sprintf("bytes of no known format (% x…)", b[:min(len(b), 8)])
}
