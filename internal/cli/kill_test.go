package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"plumbline/internal/datadir"
	"plumbline/internal/demo/people"
	"plumbline/internal/mqtt/device"
	"plumbline/internal/store"
)

// kills is how often the hub is killed under load.
const kills = 30

// A hub that dies by SIGKILL at any moment loses no picture that it acknowledged and makes no row twice.
func TestKilledHubLosesNothingAndDoublesNothing(t *testing.T) {
	dir := t.TempDir()
	h := &process{t: t, dir: dir, mqtt: freeAddress(t), http: freeAddress(t)}
	h.start()
	send := newCrowd(t, h.mqtt, 4)
	for range kills {
		runFor(time.Duration(100+rand.IntN(900)) * time.Millisecond)
		h.kill()
		h.start()
	}
	acknowledged := send.end()
	h.drain()
	h.stop()
	balance(t, "--data", h.data())
	rows := rowsBySource(t, filepath.Join(dir, "data"))
	if len(acknowledged) < 10*kills {
		t.Errorf("only %d pictures were acknowledged: too little load to prove anything", len(acknowledged))
	}
	for name := range acknowledged {
		if len(rows[name]) != 1 {
			t.Errorf("%s was acknowledged and has %d rows", name, len(rows[name]))
		}
	}
	pictures := 0
	for name, entries := range rows {
		if len(entries) > 1 {
			t.Errorf("%s has %d rows", name, len(entries))
		}
		for _, e := range entries {
			picture := filepath.Join(dir, "images", "analyzed_images_from_"+e.Device, e.Filename)
			if info, err := os.Stat(picture); err != nil || info.Size() == 0 {
				t.Errorf("the row of %s names a picture that is not whole: %v", name, err)
			}
			pictures++
		}
	}
	t.Logf("%d kills, %d pictures acknowledged, %d rows", kills, len(acknowledged), pictures)
}

// runFor lets the processes work; it is the load's duration, not a wait for something to have happened.
func runFor(d time.Duration) { <-time.After(d) }

// crowd is some devices that send one picture after the other until they are told to end.
type crowd struct {
	t       *testing.T
	ending  chan struct{}
	senders sync.WaitGroup
	mu      sync.Mutex
	safe    map[string]bool // names of acknowledged pictures
}

func newCrowd(t *testing.T, address string, devices int) *crowd {
	c := &crowd{t: t, ending: make(chan struct{}), safe: map[string]bool{}}
	for i := range devices {
		c.senders.Go(func() {
			_, err := device.Send(t.Context(), device.Options{
				URL: "mqtt://" + address, Device: fmt.Sprintf("pi%d", i), Form: device.Envelope, Rate: 12, Window: 4, Patience: time.Minute,
			}, c.pictures(i), c.note)
			if err != nil {
				t.Errorf("device %d: %v", i, err)
			}
		})
	}
	return c
}

func (c *crowd) pictures(i int) iter.Seq2[device.Picture, error] {
	all := people.People()
	return func(yield func(device.Picture, error) bool) {
		for n := 0; ; n++ {
			select {
			case <-c.ending:
				return
			default:
			}
			if !yield(device.Picture{Name: fmt.Sprintf("pi%d-%06d", i, n), Bytes: all[n%len(all)].Picture}, nil) {
				return
			}
		}
	}
}

func (c *crowd) note(p device.Progress) {
	if p.Err != nil {
		c.t.Errorf("%s was refused: %v", p.Name, p.Err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.safe[p.Name] = true
}

// end stops sending, waits for the last acknowledgements and gives the names of what was acknowledged.
func (c *crowd) end() map[string]bool {
	close(c.ending)
	c.senders.Wait()
	return c.safe
}

// process is a hub in a process of its own.
type process struct {
	t          *testing.T
	dir        string
	mqtt, http string
	flags      []string
	under      []string // a command that runs the hub, such as strace
	cmd        *exec.Cmd
	stderr     bytes.Buffer
}

// start returns when the hub says that it is ready.
func (p *process) start() {
	p.t.Helper()
	args := append([]string{"serve", "--data", filepath.Join(p.dir, "data"), "--images-dir", filepath.Join(p.dir, "images"),
		"--mqtt-listen", p.mqtt, "--http-listen", p.http, "--model", "lite", "--workers", "1", "--device", "cpu"}, p.flags...)
	p.cmd = straced(p.under, exec.Command("plumbline", args...))
	p.cmd.Env = append(os.Environ(), "PLUMBLINE_CACHE_DIR="+cacheDir())
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	group := p.cmd.Process.Pid
	p.t.Cleanup(func() { _ = syscall.Kill(-group, syscall.SIGKILL) }) // with what it runs under; long gone when all went well
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasSuffix(lines.Text(), "is ready.") {
			return
		}
	}
	_ = p.cmd.Wait()
	p.t.Fatalf("the hub ended before it was ready:\n%s", p.stderr.String())
}

func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait()
}

func (p *process) stop() {
	p.t.Helper()
	if err := syscall.Kill(p.hub().PID, syscall.SIGTERM); err != nil { // not to what it runs under
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("the hub ended with %v:\n%s", err, p.stderr.String())
	}
}

// drain waits until nothing waits and nothing is leased.
func (p *process) drain() {
	p.t.Helper()
	p.until(2*time.Minute, "an empty queue", func() bool {
		var depth struct{ Waiting, Leased int }
		p.get("/api/v1/queue", &depth)
		return depth.Waiting == 0 && depth.Leased == 0
	})
}

// until asks again and again, ten times a second.
func (p *process) until(patience time.Duration, what string, met func() bool) {
	p.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !met(); <-tick.C {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited %s for %s in vain:\n%s", patience, what, p.stderr.String())
		}
	}
}

func (p *process) get(path string, answer any) {
	p.t.Helper()
	response, err := http.Get("http://" + p.http + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		p.t.Fatalf("%s: %v", path, err)
	}
}

func (p *process) hub() datadir.Hub {
	p.t.Helper()
	hub, err := datadir.ReadHub(filepath.Join(p.dir, "data"))
	if err != nil {
		p.t.Fatal(err)
	}
	return hub
}

// rowsBySource reads the whole table, by the name that the sender gave its picture.
func rowsBySource(t *testing.T, data string) map[string][]store.Entry {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(data, "plumbline.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows := map[string][]store.Entry{}
	for q := (store.Query{Limit: store.MaxLimit}); ; {
		page, err := s.Recent(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			rows[e.Source] = append(rows[e.Source], e)
			q.BeforeID = e.ID
		}
		if len(page) < store.MaxLimit {
			return rows
		}
	}
}
