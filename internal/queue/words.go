package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// Longest strings of others that are kept, in bytes. JSON may write each byte as six; all together stay within
// payloadAllowance.
const (
	maxTopic  = 2 << 10
	maxDevice = 512
	maxSource = 512
	maxReason = 4 << 10
)

// clip makes a foreign string fit to be kept: valid UTF-8 and no longer than limit. The same string always gives the
// same one, and different ones stay different.
func clip(s string, limit int) string {
	valid := strings.ToValidUTF8(s, "\uFFFD")
	if len(valid) <= limit {
		return valid
	}
	sum := sha256.Sum256([]byte(s))
	tail := "… " + hex.EncodeToString(sum[:8])
	end := limit - len(tail)
	for !utf8.RuneStart(valid[end]) {
		end--
	}
	return valid[:end] + tail
}
