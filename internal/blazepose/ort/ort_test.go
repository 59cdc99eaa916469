//go:build cgo

package ort_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"plumbline/internal/blazepose/ort"
)

// libraryPath is npm's ONNX Runtime, built for CPUs.
var libraryPath = filepath.Join("../../../node_modules/onnxruntime-node/bin/napi-v6/linux",
	map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH], "libonnxruntime.so.1")

func library(t testing.TB) *ort.Library {
	t.Helper()
	l, err := ort.Load(libraryPath)
	if err != nil {
		t.Fatalf("these tests need ONNX Runtime's library; run `make deps`: %v", err)
	}
	return l
}

// The smallest network gives back its one number.
var signature = ort.Signature{
	Input:   ort.Port{Name: "x", Shape: []int64{1}},
	Outputs: []ort.Port{{Name: "y", Shape: []int64{1}}},
}

func TestParseDevice(t *testing.T) {
	for name, want := range map[string]ort.Device{"": ort.CPU, "cpu": ort.CPU, "cuda": ort.CUDA, "tensorrt": ort.TensorRT, "auto": ort.Auto} {
		if got, err := ort.ParseDevice(name); err != nil || got != want {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	if _, err := ort.ParseDevice("gpu"); err == nil || !strings.Contains(err.Error(), "cpu, cuda, tensorrt or auto") {
		t.Errorf("gpu: %v", err)
	}
}

func TestCheckVersion(t *testing.T) {
	for version, want := range map[string]string{
		"1.24.0":  "",
		"1.30.0":  "",
		"1.103.2": "",
		"1.23.9":  "ONNX Runtime 1.23.9 at /lib/x.so is too old: this build needs 1.24 or newer",
		"2.0.0":   "another generation",
		"":        "can't be read",
		"nightly": "can't be read",
	} {
		err := ort.CheckVersion("/lib/x.so", version)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q is refused: %v", version, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--onnxruntime-library")):
			t.Errorf("%q: got the error %v, want one with %q and the flag", version, err, want)
		}
	}
}

// TestAPIVersionIsTheBindings keeps the constant with the header that the binding is compiled against.
func TestAPIVersionIsTheBindings(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/yalue/onnxruntime_go").Output()
	if err != nil {
		t.Fatal(err)
	}
	header, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "onnxruntime_c_api.h"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`#define ORT_API_VERSION (\d+)`).FindSubmatch(header)
	if m == nil || string(m[1]) != strconv.Itoa(ort.APIVersion) {
		t.Errorf("the binding wants API %s, the constant says %d", m[1], ort.APIVersion)
	}
}

func TestLoadRefusesWhatIsNoLibrary(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.so")
	if err := os.WriteFile(text, []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, want string }{
		"no path":         {"", "no path"},
		"missing":         {filepath.Join(dir, "missing.so"), "No such file"},
		"text":            {text, "is no library"},
		"folder":          {dir, "is no file"},
		"another machine": {otherMachine(t), "is a library for " + otherArchitecture[runtime.GOARCH] + ", and this program runs on " + runtime.GOARCH},
		"cut short":       {cut(t, compile(t, "int nothing;"), 0.5), "copy it again"},
		"cut to its head": {cut(t, compile(t, "int nothing;"), 0.001), "copy it again"},
		"another library": {compile(t, "int nothing;"), "is not ONNX Runtime"},
		"too old": {compile(t, `static const char *v(void) { return "1.18.1"; }
			static struct { const void *(*api)(unsigned); const char *(*version)(void); } base = {0, v};
			void *OrtGetApiBase(void) { return &base; }`), "1.18.1 at "},
	} {
		t.Run(name, func(t *testing.T) {
			err := ort.Accept(c.path)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--onnxruntime-library") {
				t.Errorf("got %v, want an error with %q and the flag", err, c.want)
			}
		})
	}
}

var otherArchitecture = map[string]string{"amd64": "arm64", "arm64": "amd64"}

// otherMachine is npm's library for the other architecture.
func otherMachine(t *testing.T) string {
	t.Helper()
	folder := map[string]string{"amd64": "arm64", "arm64": "x64"}[runtime.GOARCH]
	path := filepath.Join("../../../node_modules/onnxruntime-node/bin/napi-v6/linux", folder, "libonnxruntime.so.1")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("this test needs ONNX Runtime's libraries; run `make deps`: %v", err)
	}
	return path
}

// cut leaves a part of a file, as a copy that stopped half-way does. Loaded, it would end the process.
func cut(t *testing.T, path string, part float64) string {
	t.Helper()
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, int64(part*float64(info.Size())))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// compile makes a shared library of C code.
func compile(t *testing.T, code string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lib.so")
	cc := exec.Command("cc", "-shared", "-fPIC", "-x", "c", "-o", path, "-")
	cc.Stdin = strings.NewReader(code)
	if out, err := cc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

func TestLoadOnceAProcess(t *testing.T) {
	l := library(t)
	if again, err := ort.Load(libraryPath); err != nil || again != l {
		t.Errorf("the same path again: %v", err)
	}
	if _, err := ort.Load("/other.so"); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("another path: %v", err)
	}
	if !strings.HasPrefix(l.Version(), "1.") || l.Path() != libraryPath {
		t.Errorf("version %q, path %q", l.Version(), l.Path())
	}
}

func TestChooseDevice(t *testing.T) {
	l := library(t)
	for _, d := range []ort.Device{ort.CPU, ""} {
		if got, err := l.Choose(d, nil); err != nil || got != ort.CPU {
			t.Errorf("%q: %q, %v", d, got, err)
		}
	}
	if _, err := l.Choose("abacus", nil); err == nil {
		t.Error("an unknown device is accepted")
	}
}

// TestGPUNeedsProviders: npm's library has no libonnxruntime_providers_cuda.so beside it, on any machine.
func TestGPUNeedsProviders(t *testing.T) {
	l := library(t)
	for _, d := range []ort.Device{ort.CUDA, ort.TensorRT} {
		_, err := l.Choose(d, nil)
		if err == nil || !strings.Contains(err.Error(), "as builds for CPUs do") ||
			!strings.Contains(err.Error(), "--onnxruntime-library") || !strings.Contains(err.Error(), "--device cpu") {
			t.Errorf("%s: got %v, want an error that says what to do", d, err)
		}
	}
	if got, err := l.Choose(ort.Auto, nil); err != nil || got != ort.CPU {
		t.Errorf("auto: %q, %v; want the CPU", got, err)
	}
}

func TestBringsCUDA(t *testing.T) {
	withProvider, without, links := t.TempDir(), t.TempDir(), t.TempDir()
	for _, path := range []string{filepath.Join(withProvider, "libonnxruntime.so.1"), filepath.Join(withProvider, "libonnxruntime_providers_cuda.so"), filepath.Join(without, "libonnxruntime.so.1")} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(links, "libonnxruntime.so")
	if err := os.Symlink(filepath.Join(withProvider, "libonnxruntime.so.1"), link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{filepath.Join(withProvider, "libonnxruntime.so.1"): true, link: true, filepath.Join(without, "libonnxruntime.so.1"): false, "nowhere": false} {
		if got := ort.BringsCUDA(path); got != want {
			t.Errorf("%s: %t, want %t", path, got, want)
		}
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	n := open(t, t.TempDir(), "a")
	s := session(t, n)
	if allocations := testing.AllocsPerRun(100, func() { _ = s.Run() }); allocations != 0 {
		t.Errorf("a run allocates %v times", allocations)
	}
}
