package mqtt

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxDeviceBytes bounds a device's name, so that a folder named after it (with a prefix) stays under the 255 bytes of
// Linux file systems.
const MaxDeviceBytes = 128

// ParseDevice checks a name that came from outside. Letters and marks of every script, digits, emoji, blanks inside and
// most punctuation are fine, and the name stays as the device wrote it. Refused is what could leave a folder, hide in it or
// deceive the eye: slashes and backslashes, a leading dot, control and direction characters, blanks at the ends.
// A name may still hold a dot or a blank; Token makes it one token of a NATS subject.
func ParseDevice(name string) (string, error) {
	switch {
	case name == "":
		return "", errors.New("the device's name is empty")
	case len(name) > MaxDeviceBytes:
		return "", fmt.Errorf("the device's name is %d bytes long, at most %d are possible", len(name), MaxDeviceBytes)
	case !utf8.ValidString(name):
		return "", fmt.Errorf("the device's name %q is not UTF-8", name)
	case name[0] == '.':
		return "", fmt.Errorf("the device's name %q begins with a dot", name)
	case strings.TrimSpace(name) != name:
		return "", fmt.Errorf("the device's name %q begins or ends with a blank", name)
	}
	for _, r := range name {
		if !allowedInName(r) {
			return "", fmt.Errorf("the device's name %q holds %q, which is not possible in a name", name, r)
		}
	}
	return name, nil
}

// allowedInName accepts what prints, except the characters with a meaning to MQTT, to file systems or in a
// shell's glob, and the two joiners that scripts and emoji need.
func allowedInName(r rune) bool {
	const zeroWidthNonJoiner, zeroWidthJoiner = '\u200c', '\u200d'
	switch {
	case strings.ContainsRune(`/\+#"<>|?*`, r):
		return false
	case r == zeroWidthNonJoiner || r == zeroWidthJoiner:
		return true
	}
	return unicode.IsPrint(r) && r != utf8.RuneError
}

// Token writes a device's name as one token of a NATS subject: what would split or match there ('.', '*', '>', blanks)
// and the escape character itself become %XX. Different names give different tokens.
func Token(device string) string {
	const special = ".*> %\t\r\n"
	if !strings.ContainsAny(device, special) {
		return device
	}
	var b strings.Builder
	for i := range len(device) {
		if strings.IndexByte(special, device[i]) >= 0 {
			fmt.Fprintf(&b, "%%%02X", device[i])
		} else {
			b.WriteByte(device[i])
		}
	}
	return b.String()
}
