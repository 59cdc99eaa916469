package frame

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// magics are the first bytes of things that people send in place of a picture.
var magics = []struct{ prefix, name string }{
	{"GIF8", "a GIF"},
	{"BM", "a BMP"},
	{"II*\x00", "a TIFF"},
	{"MM\x00*", "a TIFF"},
	{"%PDF", "a PDF"},
	{"PK\x03\x04", "a ZIP archive"},
	{"\x1f\x8b", "gzip-compressed data"},
	{"RIFF", "a RIFF file (AVI or WAV)"},
	{"\x1aE\xdf\xa3", "a Matroska or WebM video"},
	{"\xff\xd8", "the start of a JPEG that is cut off or damaged"},
	{"\x89PNG", "a PNG with a damaged signature"},
	{"\x00\x00\x00\x0cJXL ", "a JPEG XL"},
	{"\xff\x0a", "a JPEG XL"},
	{"\x00\x00\x00\x0cjP  ", "a JPEG 2000"},
	{"\x00\x00\x01\x00", "an icon (ICO)"},
	{"8BPS", "a Photoshop file"},
	{"data:", "a data URI, not yet decoded"},
}

// looksLike says in a few words what bytes that are no picture seem to be.
func looksLike(p []byte) string {
	if len(p) == 0 {
		return "it is empty"
	}
	for _, m := range magics {
		if bytes.HasPrefix(p, []byte(m.prefix)) {
			return "it looks like " + m.name
		}
	}
	if name := looksLikeISOMedia(p); name != "" {
		return "it looks like " + name
	}
	return looksLikeText(p)
}

// looksLikeISOMedia tells HEIC, AVIF and films apart by their major brand (ISO/IEC 14496-12, file type box).
func looksLikeISOMedia(p []byte) string {
	if len(p) < 12 || string(p[4:8]) != "ftyp" {
		return ""
	}
	switch string(p[8:12]) {
	case "heic", "heix", "heim", "heis", "hevc", "mif1", "msf1":
		return "a HEIC photograph (iPhones can be set to \"Most Compatible\" to send JPEG)"
	case "avif", "avis":
		return "an AVIF"
	}
	return "an MP4 or QuickTime film"
}

func looksLikeText(p []byte) string {
	head := p[:min(len(p), 512)]
	for cut := 0; cut < utf8.UTFMax && len(head) > 0 && !utf8.Valid(head); cut++ {
		head = head[:len(head)-1] // the cut may have split a character
	}
	if len(head) == 0 || !utf8.Valid(head) || bytes.IndexByte(head, 0) >= 0 {
		return "its first bytes are those of no format known here"
	}
	switch text := strings.ToLower(strings.TrimSpace(string(head))); {
	case strings.HasPrefix(text, "<!doctype html"), strings.HasPrefix(text, "<html"):
		return "it looks like an HTML page"
	case strings.HasPrefix(text, "<svg"), strings.HasPrefix(text, "<?xml"):
		return "it looks like XML or SVG"
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return "it looks like JSON"
	case strings.HasPrefix(text, "/9j/"), strings.HasPrefix(text, "ivborw0kggo"):
		return "it looks like base64 text, not yet decoded"
	}
	return "it looks like plain text"
}
