package album

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"plumbline/internal/posture"
)

// folderPrefix begins every device's folder, as in the original.
const folderPrefix = "analyzed_images_from_"

// stamp begins a picture's name: when its capture was received, UTC. Names therefore sort by time.
const stamp = "20060102T150405.000Z"

// ours are the names that Filename makes, and nothing else is ever deleted.
var ours = regexp.MustCompile(`^([0-9]{8}T[0-9]{6}\.[0-9]{3}Z)_[^/]+\.jpg$`)

// temporary are pictures that are being written.
var temporary = regexp.MustCompile(`^\.picture-[0-9a-z]+\.tmp$`)

// longestName is the most bytes a Linux file name has.
const longestName = 255

// Filename is the name of a result's stored picture, <UTC time>_<capture id>.jpg, and what goes into the column filename.
func Filename(r posture.Result) string {
	return safeName(r.ReceivedAt.UTC().Format(stamp)+"_"+r.CaptureID, longestName-len(".jpg"), false) + ".jpg"
}

// receivedAt is the time in a name that Filename made.
func receivedAt(name string) (time.Time, bool) {
	parts := ours.FindStringSubmatch(name)
	if parts == nil {
		return time.Time{}, false
	}
	t, err := time.Parse(stamp, parts[1])
	return t, err == nil
}

// folderFor is a device's folder. Different devices have different folders, also where the file system does not tell case or
// Unicode forms apart (folding).
func folderFor(device string, folding bool) string {
	return folderPrefix + safeName(device, longestName-len(folderPrefix), folding)
}

// fileFor is the file of a picture's name from outside; a name that Filename made is its own file.
func fileFor(name string) string {
	if ours.MatchString(name) && isSafe(name) {
		return name
	}
	base, isJPEG := strings.CutSuffix(name, ".jpg")
	if !isJPEG {
		return safeName(name, longestName, false)
	}
	return safeName(base, longestName-len(".jpg"), false) + ".jpg"
}

// safeName writes s so that it is one plain file name of at most limit bytes on any file system: what may not stand in a name
// becomes %XX, a name that is too long ends in its hash. No two names become the same one, but by a collision of SHA-256:
// "%" is always followed by two hexadecimal digits, or by "~" and a hash at the end, or by nothing when s is empty.
func safeName(s string, limit int, folding bool) string {
	var out strings.Builder
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:]) // 1 for a byte that is no UTF-8
		if plain(r, size, folding) && !atEdge(s, i, size) {
			out.WriteRune(r)
			continue
		}
		for _, b := range []byte(s[i : i+size]) {
			out.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{b})))
		}
	}
	switch {
	case s == "":
		return "%"
	case out.Len() > limit:
		return shortened(out.String(), s, limit)
	}
	return out.String()
}

// isSafe tells whether safeName may have made s.
func isSafe(s string) bool {
	for i, r := range s {
		if _, size := utf8.DecodeRuneInString(s[i:]); r != '%' && !plain(r, size, false) {
			return false
		}
	}
	return len(s) <= longestName
}

// plain tells whether r can stand in a file name as it is: letters, marks and digits of any script, and what names are
// punctuated with; nothing that a shell, Windows or a USB stick's file system gives a meaning.
func plain(r rune, size int, folding bool) bool {
	switch {
	case r == utf8.RuneError && size == 1: // no UTF-8
		return false
	case r < utf8.RuneSelf:
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' && !folding || strings.ContainsRune("-_.+=@~,() ", r)
	}
	return !folding && (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r))
}

// atEdge tells whether a dot or blank stands where it has a meaning (hidden, "..") or gets lost (at the end).
func atEdge(s string, i, size int) bool {
	return (i == 0 || i+size == len(s)) && strings.ContainsRune(". ", rune(s[i]))
}

func shortened(escaped, original string, limit int) string {
	sum := sha256.Sum256([]byte(original))
	end := "%~" + hex.EncodeToString(sum[:16])
	cut := limit - len(end)
	for cut > 0 && !utf8.RuneStart(escaped[cut]) {
		cut--
	}
	return escaped[:cut] + end
}
