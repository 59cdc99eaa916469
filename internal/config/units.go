package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bytes is an amount of memory or disk, written as 8MiB, 50MB or 1024.
type Bytes int64

var byteUnits = []struct {
	suffix string
	factor float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// UnmarshalText reads an amount with its unit; a bare number is bytes.
func (b *Bytes) UnmarshalText(text []byte) error {
	number, factor := strings.TrimSpace(string(text)), 1.0
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, factor = strings.TrimSpace(rest), u.factor
			break
		}
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || v < 0 || v*factor > math.MaxInt64/2 || math.IsNaN(v) {
		return fmt.Errorf("%q is no size: write it like 8MiB, 500MB or 1048576", text)
	}
	*b = Bytes(v * factor)
	return nil
}

// String writes the amount in the largest unit that keeps it whole.
func (b Bytes) String() string {
	for i := 3; i >= 0; i-- {
		if f := int64(byteUnits[i].factor); int64(b) >= f && int64(b)%f == 0 {
			return strconv.FormatInt(int64(b)/f, 10) + byteUnits[i].suffix
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Age is a duration that may also be written in days, as 30d.
type Age time.Duration

// UnmarshalText reads 30d, 12h, 90m; 0 means without limit where a limit is meant.
func (a *Age) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if days, ok := strings.CutSuffix(s, "d"); ok {
		v, err := strconv.ParseFloat(days, 64)
		if err != nil || !(v >= 0 && v <= 36500) {
			return fmt.Errorf("%q is no age: write it like 30d, 12h or 90m", text)
		}
		*a = Age(v * 24 * float64(time.Hour))
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no age: write it like 30d, 12h or 90m", text)
	}
	*a = Age(d)
	return nil
}

// Duration is the age as the standard library writes it.
func (a Age) Duration() time.Duration { return time.Duration(a) }
