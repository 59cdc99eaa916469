package config_test

import (
	"testing"
	"time"

	"plumbline/internal/config"
)

func TestBytes(t *testing.T) {
	for text, want := range map[string]config.Bytes{
		"0": 0, "1024": 1024, "1kB": 1000, "200KB": 200e3, "1KiB": 1024, "8MiB": 8 << 20, "1.5 GiB": 3 << 29, "20GB": 20e9, "7B": 7,
	} {
		var got config.Bytes
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "many", "-1", "8 MiBs", "NaN", "1e30", "MiB"} {
		var got config.Bytes
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %d bytes", text, got)
		}
	}
}

func FuzzBytesComeBackAsWritten(f *testing.F) {
	for _, n := range []int64{0, 1, 1023, 1024, 8 << 20, 1 << 62} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		if n < 0 || n > 1<<53 {
			return
		}
		var got config.Bytes
		if err := got.UnmarshalText([]byte(config.Bytes(n).String())); err != nil || int64(got) != n {
			t.Errorf("%d was written as %s and read as %d (%v)", n, config.Bytes(n), got, err)
		}
	})
}

func TestAge(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "30d": 30 * 24 * time.Hour, "12h": 12 * time.Hour, "0.5d": 12 * time.Hour, "90m": 90 * time.Minute,
	} {
		var got config.Age
		if err := got.UnmarshalText([]byte(text)); err != nil || got.Duration() != want {
			t.Errorf("%q is %s (%v), want %s", text, got.Duration(), err, want)
		}
	}
	for _, text := range []string{"", "soon", "-1h", "-3d", "30", "NaNd", "99999999d"} {
		var got config.Age
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %s", text, got.Duration())
		}
	}
}
