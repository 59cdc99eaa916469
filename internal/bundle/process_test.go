package bundle_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"plumbline/internal/bundle"
)

// Other processes are this test's binary, started with an order in the environment.
const orderVariable = "PLUMBLINE_BUNDLE_TEST_ORDER"

// order is what another process does: locate the full model's files on a machine, and print the answer as JSON.
type order struct {
	Executable, UserCache, Temp string
	Read                        bool // the files found, and end with an error where they are not what they should be
	Stall                       bool // read half of the first asset, print a line, and stand still
}

type answer struct {
	Files bundle.Files
	Error string
}

func TestMain(m *testing.M) {
	if text := os.Getenv(orderVariable); text != "" {
		if err := obey(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func obey(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	s := bundle.Surroundings{Executable: o.Executable, UserCache: o.UserCache, Temp: o.Temp, Inside: carried()}
	if o.Stall {
		s.Open = func(f fs.FS) fs.FS { return stalling{f} }
	}
	files, err := s.Locate(full)
	if err == nil && o.Read {
		err = areCarried(files)
	}
	a := answer{Files: files}
	if err != nil {
		a.Error = err.Error()
	}
	return json.NewEncoder(os.Stdout).Encode(a)
}

// stalling is a file system whose files stop in the middle.
type stalling struct{ fs.FS }

func (s stalling) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	return &stallingFile{File: f}, err
}

type stallingFile struct {
	fs.File
	read int
}

func (f *stallingFile) Read(b []byte) (int, error) {
	if f.read > 200_000 {
		fmt.Println("half way")
		select {}
	}
	n, err := f.File.Read(b[:min(len(b), 10_000)])
	f.read += n
	return n, err
}

func process(t *testing.T, s bundle.Surroundings, stall bool) *exec.Cmd {
	t.Helper()
	return processWith(t, order{Executable: s.Executable, UserCache: s.UserCache, Temp: s.Temp, Stall: stall})
}

func processWith(t *testing.T, o order) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(executable)
	c.Env = append(os.Environ(), orderVariable+"="+string(text))
	c.Stderr = os.Stderr
	return c
}

func answerOf(output []byte) (bundle.Files, error) {
	var a answer
	if err := json.Unmarshal(output, &a); err != nil {
		return bundle.Files{}, fmt.Errorf("%w: %s", err, output)
	}
	if a.Error != "" {
		return bundle.Files{}, errors.New(a.Error)
	}
	return a.Files, nil
}

func TestManyProcessesStartAtOnce(t *testing.T) {
	s := machine(t)
	type running struct {
		*exec.Cmd
		output *bytes.Buffer
	}
	var processes []running
	for range 8 {
		p := running{process(t, s, false), &bytes.Buffer{}}
		p.Stdout = p.output
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		processes = append(processes, p)
	}
	for _, p := range processes {
		if err := p.Wait(); err != nil {
			t.Error(err)
			continue
		}
		files, err := answerOf(p.output.Bytes())
		if err != nil {
			t.Error(err)
			continue
		}
		holdsCarried(t, files)
	}
	s.Hashed = func(path string) { t.Errorf("a later start reads %s in full", path) }
	locate(t, s, full)
}

func TestAProcessKilledWhileUnpackingLeavesNoHarm(t *testing.T) {
	s := machine(t)
	p := process(t, s, true)
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "half way\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if n := len(leftovers(t, s.UserCache)); n != 1 {
		t.Errorf("%d files are being written, want 1", n)
	}
	if err := p.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // says that it was killed
	holdsCarried(t, locate(t, s, full))
	if left := leftovers(t, s.UserCache); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func leftovers(t *testing.T, cache string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(cache, "*", ".unpacking-*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// TestReadOnlyCache has another user look at a cache that it may not write: the tests may run as root, who may write anywhere.
func TestReadOnlyCache(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(library string) error
		warning string
	}{
		"right":   {func(string) error { return nil }, ""},
		"damaged": {func(library string) error { return os.Truncate(library, 1000) }, "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			s := machine(t)
			library := locate(t, s, full).Library
			if err := c.change(library); err != nil {
				t.Fatal(err)
			}
			forOthersToRead(t, filepath.Dir(s.Temp))
			output, err := asNobody(t, process(t, s, false)).Output()
			if err != nil {
				t.Fatal(err)
			}
			files, err := answerOf(output)
			if err != nil {
				t.Fatal(err)
			}
			if (files.Warning == "") != (c.warning == "") || !strings.Contains(files.Warning, c.warning) {
				t.Errorf("the warning is %q, want %q", files.Warning, c.warning)
			}
			if (files.Library == library) != (c.warning == "") {
				t.Errorf("the library is %s", files.Library)
			}
			holdsCarried(t, files)
		})
	}
}

// forOthersToRead opens a test's folder to other users; only tmp may be written. Test folders are closed at the top.
func forOthersToRead(t *testing.T, root string) {
	t.Helper()
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == "tmp":
			return os.Chmod(path, 0o777)
		case d.IsDir():
			return os.Chmod(path, 0o555)
		}
		return os.Chmod(path, 0o444)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // or the test's folder cannot be removed
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, _ error) error {
			return os.Chmod(path, 0o755)
		})
	})
}

// asNobody makes root's command run as an ordinary user; anybody else's stays as it is. The test's binary lies in a closed
// folder, so a copy is run.
func asNobody(t *testing.T, c *exec.Cmd) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		return c
	}
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "bundle.test")
	if err := copyFile(copied, c.Path); err != nil {
		t.Fatal(err)
	}
	c.Path, c.Args = copied, []string{copied}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return c
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
