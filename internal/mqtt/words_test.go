package mqtt_test

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"plumbline/internal/mqtt"
)

func TestParseDevice(t *testing.T) {
	for name, c := range map[string]struct {
		device string
		fine   bool
	}{
		"plain":                        {"pi1", true},
		"dashes and dots":              {"cam-2.kitchen_left", true},
		"MAC address":                  {"b8:27:eb:01:02:03", true},
		"blank inside":                 {"front door", true},
		"umlaut":                       {"Küche", true},
		"Chinese":                      {"客厅摄像头", true},
		"Arabic":                       {"كاميرا", true},
		"Hindi with a joiner":          {"क्\u200dष", true},
		"a family of emoji":            {"👨‍👩‍👧", true},
		"signs":                        {"a&b'c(d)[e]{f}@g=h!~$%^;,", true},
		"as long as can be":            {strings.Repeat("x", mqtt.MaxDeviceBytes), true},
		"one longer":                   {strings.Repeat("x", mqtt.MaxDeviceBytes+1), false},
		"empty":                        {"", false},
		"this folder":                  {".", false},
		"the folder above":             {"..", false},
		"hidden":                       {".ssh", false},
		"slash":                        {"a/b", false},
		"backslash":                    {`a\b`, false},
		"up and away":                  {"../../etc", false},
		"NUL":                          {"a\x00b", false},
		"line end":                     {"a\nb", false},
		"escape":                       {"\x1b[31mred", false},
		"blank first":                  {" a", false},
		"blank last":                   {"a ", false},
		"no-break space":               {"a\u00a0b", false},
		"wildcard of MQTT":             {"+", false},
		"wildcards of NATS":            {"a.>", false},
		"wildcard of a shell":          {"*", false},
		"text turned round":            {"gpj\u202e.exe", false},
		"zero width space":             {"pi\u200b1", false},
		"replacement character":        {"a\ufffdb", false},
		"not UTF-8":                    {"a\xffb", false},
		"markup that a page might run": {"<script>", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := mqtt.ParseDevice(c.device)
			if (err == nil) != c.fine || (c.fine && got != c.device) || (!c.fine && got != "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestToken(t *testing.T) {
	for device, want := range map[string]string{
		"pi1": "pi1", "Küche": "Küche", "cam.2": "cam%2E2", "front door": "front%20door", "100%": "100%25", "%2E": "%252E", "a*>": "a%2A%3E",
	} {
		if got := mqtt.Token(device); got != want {
			t.Errorf("Token(%q) = %q, want %q", device, got, want)
		}
	}
}

// FuzzParseDevice: a name that passes is one folder below wherever it is put, one token of a NATS subject, one level of a
// topic, and shows as it is.
func FuzzParseDevice(f *testing.F) {
	for _, seed := range []string{"pi1", "..", "a/b", "a.b c", "\x00", "क्\u200dष", "%2E", "\u202e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		device, err := mqtt.ParseDevice(name)
		if err != nil {
			if err.Error() == "" {
				t.Error("no reason")
			}
			return
		}
		if folder := filepath.Join("/pictures", device); filepath.Dir(folder) != "/pictures" || filepath.Base(folder) != device || !filepath.IsLocal(device) {
			t.Errorf("%q is not one folder", device)
		}
		token := mqtt.Token(device)
		if token == "" || strings.ContainsAny(token, ".*> \t\r\n\x00") {
			t.Errorf("%q is not one token", token)
		}
		if strings.ContainsAny(device, "/+#\x00") || len(device) > mqtt.MaxDeviceBytes {
			t.Errorf("%q is not one level", device)
		}
		for _, r := range device {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%q holds %q", device, r)
			}
		}
	})
}

func TestPattern(t *testing.T) {
	for name, c := range map[string]struct{ pattern, topic, device string }{
		"as usual":            {"images/+", "images/pi1", "pi1"},
		"other words":         {"Images/+", "images/pi1", ""},
		"deeper":              {"images/+", "images/pi1/x", ""},
		"shallower":           {"images/+", "images", ""},
		"empty device":        {"images/+", "images/", ""},
		"leading slash":       {"images/+", "/images/pi1", ""},
		"two wildcards":       {"site/+/camera/+", "site/north/camera/pi1", "pi1"},
		"two wildcards, no":   {"site/+/camera/+", "site/north/door/pi1", ""},
		"a device of the sky": {"images/+", "images/..", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := mqtt.ParsePattern(c.pattern)
			if err != nil {
				t.Fatal(err)
			}
			device, err := p.Device(c.topic)
			if device != c.device || (err == nil) != (c.device != "") {
				t.Errorf("got %q, %v", device, err)
			}
			if p.String() != c.pattern {
				t.Errorf("the pattern reads %q", p)
			}
		})
	}
}

func TestParsePatternRefuses(t *testing.T) {
	for _, s := range []string{"", "images", "images/", "images/#", "+", "+/+", "/+", "images//+", "images/x+/+", "images/+/x", "$SYS/+", "images/#/+"} {
		if p, err := mqtt.ParsePattern(s); err == nil {
			t.Errorf("%q is read as %v", s, p)
		}
	}
}

func TestResults(t *testing.T) {
	pictures, err := mqtt.ParsePattern("images/+")
	if err != nil {
		t.Fatal(err)
	}
	for s, fine := range map[string]bool{
		"posture": true, "house/posture": true, "imagesque": true, "": false, "posture/": false, "+": false, "posture/#": false, "$SYS": false,
		"images": false, "images/out": false,
	} {
		if _, err := mqtt.ParseResults(s, pictures); (err == nil) != fine {
			t.Errorf("%q: %v", s, err)
		}
	}
	r := mqtt.Results("posture")
	if got := r.Topic("pi1"); got != "posture/pi1" {
		t.Errorf("topic %q", got)
	}
	for filter, want := range map[string]bool{
		"posture": true, "posture/#": true, "posture/+": true, "posture/pi1": true, "postures/pi1": false, "#": false, "+/pi1": false, "$share/g/posture/#": false,
	} {
		if got := r.Covers(filter); got != want {
			t.Errorf("Covers(%q) = %v", filter, got)
		}
	}
}

func TestZeroPattern(t *testing.T) {
	var p mqtt.Pattern
	if p.Under("images/pi1") || p.String() != "" {
		t.Error("no pattern covers topics")
	}
	if _, err := p.Device("images/pi1"); err == nil {
		t.Error("no pattern names a device")
	}
}
