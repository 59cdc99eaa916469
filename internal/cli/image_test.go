package cli_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// largestImage is what the design allows an image for CPUs, in MB of compressed layers.
const largestImage = 80

// base is a root filesystem with glibc and libstdc++.
func base(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../.tools/base/" + runtime.GOARCH)
	if err == nil {
		_, err = os.Stat(dir)
	}
	if err != nil {
		t.Fatalf("%v: run `make deps-test`", err)
	}
	return dir
}

// The image is built by the command, taken apart, and what is in it analyses a picture as nobody, without a folder that it could
// write to: models are used where they lie.
func TestTheImageIsSmallAndAnalysesInPlace(t *testing.T) {
	dir := t.TempDir()
	build := exec.Command(os.Args[0], "image", "--output", "image.tar", "--name", "plumbline:test", "--platform", "linux/"+runtime.GOARCH, "--base", base(t))
	build.Args[0], build.Dir = "plumbline", dir
	var told bytes.Buffer
	build.Stderr = &told
	out, err := build.Output()
	if err != nil || !regexp.MustCompile(`^sha256:[0-9a-f]{64}\n$`).Match(out) {
		t.Fatalf("%v, %q\n%s", err, out, &told)
	}
	found := regexp.MustCompile(`linux/\w+ +([0-9.]+) MB`).FindStringSubmatch(told.String())
	if found == nil {
		t.Fatalf("no size in %q", &told)
	}
	if size, err := strconv.ParseFloat(found[1], 64); err != nil || size < 20 || size > largestImage {
		t.Errorf("the image has %s MB, %v", found[1], err)
	}
	if !strings.Contains(told.String(), "make dist") {
		t.Errorf("it is not said that the running program is packed: %q", &told)
	}
	root := filepath.Join(dir, "root")
	unpackImage(t, filepath.Join(dir, "image.tar"), root)
	binary := filepath.Join(root, "usr/local/bin/plumbline")
	for _, name := range []string{"pose_detection.tflite", "pose_landmark_lite.tflite", "pose_landmark_full.tflite"} {
		if _, err := os.Stat(filepath.Join(root, "usr/local/lib/plumbline", name)); err != nil {
			t.Error(err)
		}
	}
	for _, model := range []string{"lite", "full"} {
		run := exec.Command(binary, "analyze", "--model", model, "-")
		run.Args[0] = "plumbline" // as which the test binary acts the command
		run.Env = []string{"TMPDIR=/nowhere"}
		picture, err := os.Open("../demo/people/anna_upright.jpg")
		if err != nil {
			t.Fatal(err)
		}
		defer picture.Close()
		run.Stdin = picture
		if out, err := run.CombinedOutput(); err != nil || !strings.Contains(string(out), "Good") {
			t.Errorf("model %s: %v\n%s", model, err, out)
		}
	}
}

// Whoever presses Ctrl-C while the image is packed hears that it ends, and it does.
func TestPackingEndsAtOnce(t *testing.T) {
	dir := t.TempDir()
	build := exec.Command(os.Args[0], "image", "--log-level", "info", "--output", "image.tar", "--platform", "linux/"+runtime.GOARCH, "--base", base(t))
	build.Args[0], build.Dir = "plumbline", dir
	build.Env = append(os.Environ(), "TMPDIR="+dir)
	stderr, err := build.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := build.Start(); err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		fmt.Fprintln(&told, lines.Text())
		if strings.Contains(lines.Text(), "msg=packing") {
			if err := build.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := build.Wait(); err == nil {
		t.Error("it was packed to the end")
	}
	for _, want := range []string{"Ending;", "interrupted"} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("%q is not told: %s", want, told.String())
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// unpackImage lays the layers of a tarball's one image over each other.
func unpackImage(t *testing.T, file, root string) {
	t.Helper()
	blobs := map[string][]byte{}
	eachFile(t, bytes.NewReader(readFile(t, file)), func(h *tar.Header, b []byte) { blobs[h.Name] = b })
	var images []struct{ Layers []string }
	if err := json.Unmarshal(blobs["manifest.json"], &images); err != nil || len(images) != 1 {
		t.Fatalf("%d images, %v", len(images), err)
	}
	for _, layer := range images[0].Layers {
		z, err := gzip.NewReader(bytes.NewReader(blobs[layer]))
		if err != nil {
			t.Fatal(err)
		}
		eachFile(t, z, func(h *tar.Header, b []byte) {
			to := filepath.Join(root, h.Name)
			err := os.MkdirAll(filepath.Dir(to), 0o755)
			if h.Typeflag == tar.TypeReg && strings.HasPrefix(h.Name, "usr/local/") {
				err = errors.Join(err, os.WriteFile(to, b, h.FileInfo().Mode()))
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func eachFile(t *testing.T, from io.Reader, do func(*tar.Header, []byte)) {
	t.Helper()
	r := tar.NewReader(from)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		do(h, b)
	}
}
