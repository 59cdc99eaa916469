package cli_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"plumbline/internal/store"
)

// startDemo starts a demonstration of two devices in a process of its own and in an empty working folder; it returns when it is ready.
func startDemo(t *testing.T, environment []string, flags ...string) *process {
	t.Helper()
	p := &process{t: t, dir: t.TempDir(), http: freeAddress(t)}
	p.cmd = exec.Command("plumbline", append([]string{"demo", "--devices", "2", "--every", "300ms", "--model", "lite", "--workers", "1",
		"--device", "cpu", "--mqtt-listen", "127.0.0.1:0", "--http-listen", p.http}, flags...)...)
	p.cmd.Dir, p.cmd.Stderr = p.dir, &p.stderr
	p.cmd.Env = append(append(os.Environ(), "PLUMBLINE_CACHE_DIR="+cacheDir()), environment...)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // long gone when all went well
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "Send one:") {
			return p
		}
	}
	_ = p.cmd.Wait()
	t.Fatalf("the demonstration ended before it was ready:\n%s", p.stderr.String())
	return nil
}

// interrupt is Ctrl-C.
func (p *process) interrupt() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the demonstration ended with %v:\n%s", err, p.stderr.String())
	}
}

// rowsOf waits for rows of both devices, ends the demonstration and reads its table.
func rowsOf(t *testing.T, p *process, data string) map[string][]store.Entry {
	t.Helper()
	p.until(30*time.Second, "results of both devices", func() bool {
		var latest struct{ Results []struct{ Device string } }
		p.get("/api/v1/latest", &latest)
		return len(latest.Results) == 2
	})
	p.interrupt()
	devices := map[string][]store.Entry{}
	for _, rows := range rowsBySource(t, data) {
		for _, row := range rows {
			devices[row.Device] = append(devices[row.Device], row)
		}
	}
	return devices
}

// Whoever starts the demonstration sees rows of several devices with statuses and annotated pictures, whatever database
// the environment names.
func TestDemoShowsRowsAndPicturesAndKeepsOffRealDatabases(t *testing.T) {
	p := startDemo(t, []string{
		"DATABASE_URL=postgres://nobody@127.0.0.1:1/nothing", "SUPABASE_HOST=127.0.0.1", "SUPABASE_PORT=1",
		"SUPABASE_DB=nothing", "SUPABASE_USER=nobody", "SUPABASE_PASSWORD=wrong", "SUPABASE_SSL=disable",
	})
	data := filepath.Join(p.dir, "plumbline-demo")
	devices := rowsOf(t, p, data)
	for _, device := range []string{"demo-1", "demo-2"} {
		if len(devices[device]) == 0 {
			t.Errorf("no rows of %s, only of %d devices", device, len(devices))
		}
		for _, row := range devices[device] {
			if row.Assessment.Status == "" {
				t.Errorf("a row of %s without a status: %+v", device, row)
			}
			picture := filepath.Join(data, "analyzed_images", "analyzed_images_from_"+device, row.Filename)
			if info, err := os.Stat(picture); err != nil || info.Size() == 0 {
				t.Errorf("the annotated picture of a row: %v", err)
			}
		}
	}
	if made, _ := filepath.Glob(filepath.Join(p.dir, "*")); len(made) != 1 {
		t.Errorf("the demonstration made %s, want its data folder only", made)
	}
}

// What its user asks for is done, also where that bears the name of the hub's defaults.
func TestDemoUsesTheFoldersItIsGiven(t *testing.T) {
	p := startDemo(t, nil, "--data", "plumbline-data", "--images-dir", "analyzed_images")
	devices := rowsOf(t, p, filepath.Join(p.dir, "plumbline-data"))
	for device, rows := range devices {
		if _, err := os.Stat(filepath.Join(p.dir, "analyzed_images", "analyzed_images_from_"+device, rows[0].Filename)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(p.dir, "plumbline-demo")); !os.IsNotExist(err) {
		t.Errorf("a folder that nobody asked for: %v", err)
	}
}

// Named on the command line a database is meant.
func TestDemoTriesADatabaseThatIsNamedOnTheCommandLine(t *testing.T) {
	cmd := exec.Command("plumbline", "demo", "--database-url", "postgres://nobody@127.0.0.1:1/nothing?sslmode=verify-full&sslrootcert=/no/such.pem",
		"--mqtt-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0")
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "/no/such.pem") {
		t.Errorf("it ended with %v and said:\n%s", err, out)
	}
}
