package cli_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline/internal/demo/people"
)

// run is a command of the outside or our own; it fails the test unless it ends well.
func run(t *testing.T, stdin []byte, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PLUMBLINE_CACHE_DIR="+cacheDir())
	cmd.Stdin = bytes.NewReader(stdin)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.String(), problems.String())
	}
	return out.String()
}

func startHub(t *testing.T, flags ...string) *process {
	h := &process{t: t, dir: t.TempDir(), mqtt: freeAddress(t), http: freeAddress(t), flags: flags}
	h.start()
	return h
}

func (p *process) port() string { return p.mqtt[strings.LastIndex(p.mqtt, ":")+1:] }

func (p *process) data() string { return filepath.Join(p.dir, "data") }

// The line as its first user tries it: base64 by mosquitto_pub ends as a row, an annotated picture and a retained result.
func TestPictureBecomesRowPictureAndResult(t *testing.T) {
	t.Setenv("PLUMBLINE_NODE", "desk")
	h := startHub(t)
	person := people.People()[0]
	photo := filepath.Join(t.TempDir(), "photo.b64")
	if err := os.WriteFile(photo, []byte(base64.StdEncoding.EncodeToString(person.Picture)), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, nil, "mosquitto_pub", "-p", h.port(), "-q", "1", "-t", "images/pi1", "-f", photo)
	said := run(t, nil, "mosquitto_sub", "-p", h.port(), "-t", "posture/pi1", "-C", "1", "-W", "20")
	var result struct {
		CaptureID     string   `json:"capture_id"`
		PostureStatus string   `json:"posture_status"`
		NeckAngle     *float64 `json:"neck_angle"`
		Filename      string   `json:"filename"`
	}
	if err := json.Unmarshal([]byte(said), &result); err != nil {
		t.Fatalf("the result is no JSON: %v\n%s", err, said)
	}
	if result.NeckAngle == nil || result.PostureStatus == "" {
		t.Errorf("no angle or status: %s", said)
	}
	picture, err := os.ReadFile(filepath.Join(h.dir, "images", "analyzed_images_from_pi1", result.Filename))
	if err != nil || !bytes.HasPrefix(picture, []byte{0xff, 0xd8}) {
		t.Errorf("the annotated picture: %v, %d bytes", err, len(picture))
	}
	h.stop()
	h.start() // retained messages live in memory: the new hub tells the newest result again
	if again := run(t, nil, "mosquitto_sub", "-p", h.port(), "-t", "posture/pi1", "-C", "1", "-W", "20"); !strings.Contains(again, result.CaptureID) {
		t.Errorf("after a restart the retained result is %s, want that of capture %s", again, result.CaptureID)
	}
	h.stop()
	rows := rowsBySource(t, h.data())[""]
	if len(rows) != 1 || rows[0].CaptureID != result.CaptureID || rows[0].Filename != result.Filename || rows[0].ProcessedBy != "desk" {
		t.Errorf("rows: %+v, want the one of capture %s, by the desk", rows, result.CaptureID)
	}
}

func firstPerson() []byte { return people.People()[0].Picture }

// What cannot be a picture is a dead letter with its reason, looked at alike through a running hub and in its folder.
func TestDeadLetters(t *testing.T) {
	h := startHub(t)
	broken := people.People()[0].Picture[:300]
	run(t, []byte("good morning"), "mosquitto_pub", "-p", h.port(), "-q", "1", "-t", "images/pi1", "-s")
	run(t, broken, "mosquitto_pub", "-p", h.port(), "-q", "1", "-t", "images/pi2", "-s")
	run(t, broken, "mosquitto_pub", "-p", h.port(), "-q", "1", "-t", "images/.hidden", "-s")
	var letters []deadLetter
	h.until(20*time.Second, "three dead letters", func() bool {
		letters = deadLetters(t, h.data())
		return len(letters) == 3
	})
	if list := run(t, nil, "plumbline", "dead", "list", "--data", h.data()); !strings.Contains(list, `"images/.hidden"`) {
		t.Errorf("the list does not say whose letter the third is:\n%s", list)
	}
	run(t, nil, "plumbline", "dead", "drop", letters[2].ID, "--data", h.data())
	for i, device := range []string{"pi1", "pi2"} {
		if letters[i].Device != device || letters[i].Reason == "" {
			t.Errorf("letter %d: %+v, want one of %s with its reason", i, letters[i], device)
		}
	}
	saved := filepath.Join(t.TempDir(), "received")
	run(t, nil, "plumbline", "dead", "show", letters[0].ID, "--data", h.data(), "-o", saved)
	if text, err := os.ReadFile(saved); err != nil || string(text) != "good morning" {
		t.Errorf("what was received came back as %q (%v)", text, err)
	}
	run(t, nil, "plumbline", "dead", "drop", letters[0].ID, "--data", h.data())
	h.stop()
	if left := deadLetters(t, h.data()); len(left) != 1 || left[0].ID != letters[1].ID {
		t.Errorf("after the drop, in the folder itself: %+v, want only %s", left, letters[1].ID)
	}
}

type deadLetter struct {
	ID, Device, Reason string
}

func deadLetters(t *testing.T, data string) []deadLetter {
	t.Helper()
	var letters []deadLetter
	lines := json.NewDecoder(strings.NewReader(run(t, nil, "plumbline", "dead", "list", "--json", "--data", data)))
	for lines.More() {
		var l deadLetter
		if err := lines.Decode(&l); err != nil {
			t.Fatal(err)
		}
		letters = append(letters, l)
	}
	return letters
}

// A second hub on the same folder, port or page is refused with a sentence; the first goes on.
func TestSecondHubIsRefused(t *testing.T) {
	h := startHub(t)
	for name, c := range map[string]struct{ flags, want []string }{
		"same folder": {[]string{"--data", h.data(), "--mqtt-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"}, []string{"in use by a running hub"}},
		"same port":   {[]string{"--data", t.TempDir(), "--mqtt-listen", h.mqtt, "--http-listen", "127.0.0.1:0"}, []string{h.mqtt, "in use"}},
		"same page":   {[]string{"--data", t.TempDir(), "--mqtt-listen", "127.0.0.1:0", "--http-listen", h.http}, []string{h.http, "--http-listen"}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("plumbline", append([]string{"serve", "--workers", "0", "--images-dir", t.TempDir()}, c.flags...)...)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatal("it ran")
			}
			for _, want := range c.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("%s\nsays nothing of %q", out, want)
				}
			}
		})
	}
	h.stop()
}
