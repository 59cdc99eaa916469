package cli_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"plumbline/internal/mqtt/device"
)

// Lines of strace -y: a sync that has returned, and a PUBACK (0x40, two bytes follow: MQTT 5, 3.4.1) written to a socket.
var (
	syncDone = regexp.MustCompile(`f(data)?sync\(\d+<([^>]*)>.*= 0$`)
	puback   = regexp.MustCompile(`(write|sendto)\(\d+<(socket|TCP)[^>]*>, "@\\[2-9]`)
	resumed  = regexp.MustCompile(`<\.\.\. f(data)?sync resumed>.*= 0$`)
	began    = regexp.MustCompile(`^(\d+) .*f(data)?sync\(\d+<([^>]*)> <unfinished`)
)

// With --sync always each PUBACK follows a sync of the queue's and of the journal's file; that the test can tell is shown
// by --sync interval, where it does not.
func TestPictureIsOnDiskBeforeItsAcknowledgement(t *testing.T) {
	for mode, want := range map[string]bool{"always": true, "interval": false} {
		t.Run(mode, func(t *testing.T) {
			trace := filepath.Join(t.TempDir(), "trace")
			h := &process{t: t, dir: t.TempDir(), mqtt: freeAddress(t), http: freeAddress(t),
				flags: []string{"--sync", mode, "--workers", "0"}, under: []string{"strace", "-f", "-y", "-s", "16", "-o", trace, "-e", "trace=fsync,fdatasync,write,sendto"}}
			h.start()
			const pictures = 5
			for range pictures {
				sendOne(t, h.mqtt)
			}
			h.stop()
			acknowledged, synced := readTrace(t, trace)
			if acknowledged != pictures {
				t.Fatalf("%d PUBACKs in the trace, want %d", acknowledged, pictures)
			}
			if got := synced == pictures; got != want {
				t.Errorf("%d of %d PUBACKs followed a sync of queue and journal; --sync %s", synced, pictures, mode)
			}
		})
	}
}

func sendOne(t *testing.T, address string) {
	t.Helper()
	one := func(yield func(device.Picture, error) bool) { yield(device.Picture{Bytes: firstPerson()}, nil) }
	outcome, err := device.Send(t.Context(), device.Options{URL: "mqtt://" + address, Device: "pi1", Patience: 30 * time.Second}, one, nil)
	if err != nil || outcome.Acknowledged != 1 {
		t.Fatalf("sending a picture: %v, %+v", err, outcome)
	}
}

// readTrace counts the PUBACKs, and those before which both streams' files were synced since the PUBACK before.
func readTrace(t *testing.T, path string) (acknowledged, synced int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	done, pending := map[string]bool{}, map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		thread, _, _ := strings.Cut(line, " ")
		switch {
		case began.MatchString(line):
			pending[thread] = began.FindStringSubmatch(line)[3]
		case resumed.MatchString(line):
			done[stream(pending[thread])] = true
		case syncDone.MatchString(line):
			done[stream(syncDone.FindStringSubmatch(line)[2])] = true
		case puback.MatchString(line):
			acknowledged++
			if done["QUEUE"] && done["JOURNAL"] {
				synced++
			}
			clear(done)
		}
	}
	return acknowledged, synced
}

// stream is the stream to whose messages a file belongs, QUEUE or JOURNAL among them, or "".
func stream(path string) string {
	_, rest, _ := strings.Cut(path, "/streams/")
	name, file, _ := strings.Cut(rest, "/")
	if !strings.HasPrefix(file, "msgs/") {
		return ""
	}
	return strings.TrimPrefix(name, "PLUMBLINE_")
}

func straced(under []string, cmd *exec.Cmd) *exec.Cmd {
	if len(under) == 0 {
		return cmd
	}
	return exec.Command(under[0], append(append(under[1:], cmd.Path), cmd.Args[1:]...)...)
}
