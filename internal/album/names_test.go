package album_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"plumbline/internal/album"
	"plumbline/internal/posture"
)

func TestFolderFor(t *testing.T) {
	for device, want := range map[string]string{
		"pi1":                    "analyzed_images_from_pi1",
		"Pi-2_b.lab @home (old)": "analyzed_images_from_Pi-2_b.lab @home (old)",
		"küche":                  "analyzed_images_from_küche",
		"居間":                     "analyzed_images_from_居間",
		"..":                     "analyzed_images_from_%2E%2E",
		"":                       "analyzed_images_from_%",
		"../../etc/passwd":       "analyzed_images_from_%2E.%2F..%2Fetc%2Fpasswd",
		`a\b:c*?"<>|`:            "analyzed_images_from_a%5Cb%3Ac%2A%3F%22%3C%3E%7C",
		"nul\x00tab\t\n":         "analyzed_images_from_nul%00tab%09%0A",
		"bad\xffutf8":            "analyzed_images_from_bad%FFutf8",
		"100%":                   "analyzed_images_from_100%25",
		"trailing. ":             "analyzed_images_from_trailing.%20",
		"\u202Eevil":             "analyzed_images_from_%E2%80%AEevil",
	} {
		if got := album.FolderFor(device, false); got != want {
			t.Errorf("%q: got %q, want %q", device, got, want)
		}
	}
	if got, want := album.FolderFor("Küche", true), "analyzed_images_from_%4B%C3%BCche"; got != want {
		t.Errorf("where case is not told apart: got %q, want %q", got, want)
	}
}

func TestFilename(t *testing.T) {
	at := time.Date(2026, 11, 22, 19, 15, 30, 123_999_999, time.FixedZone("KST", 9*3600))
	for id, want := range map[string]string{
		"01JDABCDEFGHJKMNPQRSTVWXYZ": "20261122T101530.123Z_01JDABCDEFGHJKMNPQRSTVWXYZ.jpg",
		"../../x":                    "20261122T101530.123Z_..%2F..%2Fx.jpg",
	} {
		got := album.Filename(posture.Result{CaptureID: id, ReceivedAt: at})
		if got != want || album.FileFor(got) != got {
			t.Errorf("got %q, stored as %q; want %q", got, album.FileFor(got), want)
		}
	}
}

// FuzzNames: a name from outside is one plain name, and two different devices never share a folder.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"", ".", "..", "a/b", "A", "a", "%", "%41", "%~", "é", "e\u0301", "\x00", "\xff", strings.Repeat("x", 300), strings.Repeat("居", 100)} {
		f.Add(s, "a")
		f.Add(s, s+"\x00")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, name := range []string{album.FolderFor(a, false), album.FolderFor(a, true), album.FileFor(a),
			album.Filename(posture.Result{CaptureID: a})} {
			if len(name) > 255 || name == "" || name[0] == '.' || strings.ContainsAny(name, "/\\\x00") || !utf8.ValidString(name) {
				t.Errorf("%q became %q", a, name)
			}
		}
		if a == b {
			return
		}
		if x, y := album.FolderFor(a, false), album.FolderFor(b, false); x == y {
			t.Errorf("%q and %q share %q", a, b, x)
		}
		if x, y := album.FolderFor(a, true), album.FolderFor(b, true); strings.EqualFold(x, y) {
			t.Errorf("%q and %q share %q where case is not told apart", a, b, x)
		}
		r := posture.Result{CaptureID: a}
		if x, y := album.Filename(r), album.Filename(posture.Result{CaptureID: b}); x == y {
			t.Errorf("captures %q and %q share %q", a, b, x)
		}
	})
}
