package album_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/album"
	"plumbline/internal/posture"
)

var now = time.Date(2026, 11, 22, 10, 15, 30, 0, time.UTC)

func open(t testing.TB, o album.Options) *album.Album {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return now }
	}
	a, err := album.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func keep(t testing.TB, a *album.Album, device, name, content string) {
	t.Helper()
	if err := a.Keep(context.Background(), device, name, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

// nameAt is the name of a capture received so long ago.
func nameAt(age time.Duration, id string) string {
	return album.Filename(posture.Result{ReceivedAt: now.Add(-age), CaptureID: id})
}

// tree lists all files below dir.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(files)
	return files
}

func TestKeepAndOpen(t *testing.T) {
	for _, sync := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "a", "pictures")
		a := open(t, album.Options{Dir: dir, Sync: sync})
		name := nameAt(0, "01A")
		keep(t, a, "pi1", name, "first")
		keep(t, a, "pi1", name, "second")
		keep(t, a, "pi2", name, "other")
		f, err := a.OpenPicture("pi1", name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if err != nil || string(got) != "second" {
			t.Errorf("read %q, %v", got, err)
		}
		f.Close()
		want := []string{"analyzed_images_from_pi1/20261122T101530.000Z_01A.jpg", "analyzed_images_from_pi2/20261122T101530.000Z_01A.jpg"}
		if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
			t.Error(diff)
		}
		if _, err := a.OpenPicture("pi3", name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a picture that isn't there: %v", err)
		}
	}
}

func TestNamesNeverLeaveTheFolder(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "pictures")
	a := open(t, album.Options{Dir: dir})
	odd := []string{"..", ".", "", "../x", "/etc/passwd", "../../" + outside, "a\x00b", strings.Repeat("y", 400), "..\\x", "x/../../y"}
	for _, device := range odd {
		for _, name := range odd {
			keep(t, a, device, name, device+name)
			f, err := a.OpenPicture(device, name)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := io.ReadAll(f); string(got) != device+name {
				t.Errorf("%q/%q: another's picture", device, name)
			}
			f.Close()
		}
	}
	for _, file := range tree(t, outside) {
		if !strings.HasPrefix(file, "pictures/analyzed_images_from_") || strings.Count(file, "/") != 2 {
			t.Errorf("%s is outside", file)
		}
	}
	if got := len(tree(t, dir)); got != len(odd)*len(odd) {
		t.Errorf("%d files, want %d", got, len(odd)*len(odd))
	}
}

func TestSymbolicLinksDoNotLeadOut(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, nameAt(0, "01A"))
	if err := errors.Join(os.WriteFile(secret, []byte("secret"), 0o600),
		os.Symlink(outside, filepath.Join(dir, "analyzed_images_from_pi1")),
		os.Mkdir(filepath.Join(dir, "analyzed_images_from_pi2"), 0o755),
		os.Symlink(secret, filepath.Join(dir, "analyzed_images_from_pi2", nameAt(0, "01A")))); err != nil {
		t.Fatal(err)
	}
	a := open(t, album.Options{Dir: dir, MaxAge: time.Nanosecond, Now: func() time.Time { return now.Add(time.Hour) }})
	if err := a.Keep(context.Background(), "pi1", nameAt(0, "01B"), []byte("x")); err == nil {
		t.Error("a picture was stored through a link that leads out")
	}
	for _, device := range []string{"pi1", "pi2"} {
		if _, err := a.OpenPicture(device, nameAt(0, "01A")); err == nil {
			t.Errorf("%s: a picture was read through a link that leads out", device)
		}
	}
	if _, err := a.Sweep(context.Background()); err != nil {
		t.Error(err)
	}
	keep(t, a, "pi2", nameAt(0, "01A"), "mine") // takes the link's place, leaves what it named
	if got, err := os.ReadFile(secret); err != nil || string(got) != "secret" {
		t.Errorf("outside: %q, %v", got, err)
	}
	if diff := cmp.Diff([]string{filepath.Base(secret)}, tree(t, outside)); diff != "" {
		t.Error(diff)
	}
}

// pictures of ten bytes, one an hour, of two devices, the oldest first.
func tenPictures(t *testing.T, a *album.Album) (paths []string) {
	for n := range 10 {
		device, name := fmt.Sprintf("pi%d", n%2), nameAt(time.Duration(10-n)*time.Hour, fmt.Sprintf("%02d", n))
		keep(t, a, device, name, "0123456789")
		paths = append(paths, "analyzed_images_from_"+device+"/"+name)
	}
	return paths
}

func TestSweep(t *testing.T) {
	foreign := []string{"README", "other/" + nameAt(100*time.Hour, "x"), "analyzed_images_from_pi1/20251003_101530_000001.jpg",
		"analyzed_images_from_pi1/notes.txt", "analyzed_images_from_pi1/20261345T999999.000Z_no-time.jpg", "analyzed_images_from_pi1/deeper/" + nameAt(100*time.Hour, "x"),
		"analyzed_images_from_pi1/" + nameAt(100*time.Hour, "folder.jpg") + "/x"}
	for name, test := range map[string]struct {
		o    album.Options
		left int
	}{
		"no bounds":     {left: 10},
		"by age":        {o: album.Options{MaxAge: 4*time.Hour + time.Minute}, left: 4},
		"by size":       {o: album.Options{MaxBytes: 35}, left: 3},
		"size is exact": {o: album.Options{MaxBytes: 30}, left: 3},
		"both":          {o: album.Options{MaxAge: 2*time.Hour + time.Minute, MaxBytes: 70}, left: 2},
		"all":           {o: album.Options{MaxBytes: 1}, left: 0},
	} {
		t.Run(name, func(t *testing.T) {
			test.o.Dir, test.o.Registerer = t.TempDir(), prometheus.NewPedanticRegistry()
			a := open(t, test.o)
			want := tenPictures(t, a)[10-test.left:]
			for _, f := range foreign {
				path := filepath.Join(test.o.Dir, f)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("not ours"), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			swept, err := a.Sweep(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(album.Swept{Kept: test.left, Deleted: 10 - test.left, KeptBytes: int64(10 * test.left), DeletedBytes: int64(100 - 10*test.left)}, swept); diff != "" {
				t.Error(diff)
			}
			want = append(append([]string{}, want...), foreign...)
			sort.Strings(want)
			if diff := cmp.Diff(want, tree(t, test.o.Dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSweepRemovesWhatACrashLeft(t *testing.T) {
	dir := t.TempDir()
	a := open(t, album.Options{Dir: dir})
	keep(t, a, "pi1", nameAt(0, "01A"), "whole")
	old, fresh := filepath.Join(dir, "analyzed_images_from_pi1", ".picture-abc.tmp"), filepath.Join(dir, "analyzed_images_from_pi1", ".picture-def.tmp")
	for path, at := range map[string]time.Time{old: now.Add(-2 * time.Hour), fresh: now} {
		if err := errors.Join(os.WriteFile(path, []byte("half"), 0o644), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"analyzed_images_from_pi1/.picture-def.tmp", "analyzed_images_from_pi1/" + nameAt(0, "01A")}, tree(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// signal is closed by the first log line.
type signal struct {
	once sync.Once
	seen chan struct{}
}

func (s *signal) Write(line []byte) (int, error) {
	s.once.Do(func() { close(s.seen) })
	return len(line), nil
}

func TestRunSweepsUntilItsEnd(t *testing.T) {
	dir, swept := t.TempDir(), &signal{seen: make(chan struct{})}
	tenPictures(t, open(t, album.Options{Dir: dir}))
	ctx, cancel := context.WithCancel(context.Background())
	a := open(t, album.Options{Dir: dir, MaxBytes: 20, Log: slog.New(slog.NewTextHandler(swept, nil))})
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	<-swept.seen
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := tree(t, dir); len(got) != 2 {
		t.Errorf("%d pictures left, want 2", len(got))
	}
}

func TestManyWritersOfOneNewDevice(t *testing.T) {
	dir := t.TempDir()
	a := open(t, album.Options{Dir: dir, Sync: true})
	var writers sync.WaitGroup
	content := bytes.Repeat([]byte("x"), 50_000)
	for n := range 40 {
		writers.Go(func() {
			if err := a.Keep(context.Background(), "pi1", nameAt(0, fmt.Sprint(n%20)), content); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if got := tree(t, dir); len(got) != 20 {
		t.Errorf("%d files, want 20: %v", len(got), got)
	}
}

func TestErrorsAreClear(t *testing.T) {
	for _, reason := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		err := album.Explain(&fs.PathError{Op: "write", Path: "x", Err: reason})
		if !errors.Is(err, album.ErrDiskFull) || !errors.Is(err, reason) {
			t.Errorf("%v: got %v", reason, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := album.Open(album.Options{Dir: file}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file in place of the folder: %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	a := open(t, album.Options{Dir: t.TempDir()})
	if err := a.Keep(ended, "pi1", "x.jpg", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func BenchmarkKeep(b *testing.B) {
	for name, sync := range map[string]bool{"sync": true, "no sync": false} {
		b.Run(name, func(b *testing.B) {
			a := open(b, album.Options{Dir: b.TempDir(), Sync: sync})
			content := bytes.Repeat([]byte("x"), 60_000)
			for n := 0; b.Loop(); n++ {
				keep(b, a, "pi1", nameAt(0, fmt.Sprint(n%1000)), string(content))
			}
		})
	}
}
