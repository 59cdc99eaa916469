package ledger

import (
	"strings"
	"time"
)

// key is a capture id, a ULID as text: ten digits of milliseconds since 1970 and sixteen random ones, to base 32.
type key [26]byte

const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// parse takes a capture id; what is none is somebody else's.
func parse(text string) (k key, ours bool) {
	if len(text) != len(k) || text[0] > '7' {
		return k, false
	}
	for i := range k {
		if strings.IndexByte(digits, text[i]) < 0 {
			return k, false
		}
		k[i] = text[i]
	}
	return k, true
}

func (k key) String() string { return string(k[:]) }

// receivedAt is when the capture was received, to the millisecond.
func (k key) receivedAt() time.Time {
	var ms int64
	for _, c := range k[:10] {
		ms = ms<<5 | int64(strings.IndexByte(digits, c))
	}
	return time.UnixMilli(ms).UTC()
}
