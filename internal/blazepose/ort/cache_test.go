//go:build cgo

package ort_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"plumbline/internal/blazepose/ort"
)

// made counts how often the source made its graph.
type made struct {
	mu    sync.Mutex
	times int
}

func (m *made) source(revision string) ort.Source {
	return ort.Source{Name: "identity", Revision: revision, Graph: func() ([]byte, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.times++
		return ort.Identity, nil
	}}
}

func open(t testing.TB, cache, revision string) *ort.Network {
	t.Helper()
	return openSource(t, cache, new(made).source(revision))
}

func openSource(t testing.TB, cache string, source ort.Source) *ort.Network {
	t.Helper()
	n, err := library(t).Open(source, signature, ort.Options{Device: ort.CPU, CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func session(t testing.TB, n *ort.Network) *ort.Session {
	t.Helper()
	s, err := n.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// works runs the network once.
func works(t testing.TB, n *ort.Network) {
	t.Helper()
	s := session(t, n)
	s.Input()[0] = 42
	if err := s.Run(); err != nil || s.Output(0)[0] != 42 {
		t.Errorf("the network gives %v, %v", s.Output(0), err)
	}
}

func TestCacheIsUsedFromTheSecondStartOn(t *testing.T) {
	dir, m := t.TempDir(), new(made)
	for start := range 3 {
		n := openSource(t, dir, m.source("r"))
		works(t, n)
		if m.times != 1 || !n.Cached() {
			t.Errorf("start %d: graph made %d times, cached %t", start+1, m.times, n.Cached())
		}
	}
	openSource(t, dir, m.source("another revision"))
	if m.times != 2 {
		t.Error("another revision is taken for the cached one")
	}
}

func TestCacheIsRepaired(t *testing.T) {
	damages := map[string]func(path string, content []byte) error{
		"empty":     func(p string, _ []byte) error { return os.WriteFile(p, nil, 0o644) },
		"short":     func(p string, c []byte) error { return os.WriteFile(p, c[:10], 0o644) },
		"truncated": func(p string, c []byte) error { return os.WriteFile(p, c[:len(c)-1], 0o644) },
		"one bit": func(p string, c []byte) error {
			c[len(c)/3] ^= 4
			return os.WriteFile(p, c, 0o644)
		},
		"a folder": func(p string, _ []byte) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o755)) },
		// What ONNX Runtime refuses although the seal is right, such as a file of a build with other features.
		"sealed garbage": func(p string, _ []byte) error { return ort.WriteSealed(p, []byte(strings.Repeat("garbage!", 100))) },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dir, m := t.TempDir(), new(made)
			path := openSource(t, dir, m.source("r")).CachePath()
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(path, content); err != nil {
				t.Fatal(err)
			}
			works(t, openSource(t, dir, m.source("r")))
			if m.times < 2 {
				t.Fatal("the damage was not seen")
			}
			if name == "a folder" { // can't be replaced by a file; works without
				return
			}
			before := m.times
			works(t, openSource(t, dir, m.source("r")))
			if m.times != before {
				t.Error("the cache was not repaired")
			}
		})
	}
}

func TestWorksWithoutCache(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"none": "", "not writable": file, "missing and not to be made": "/proc/plumbline"} {
		t.Run(name, func(t *testing.T) {
			n := open(t, dir, "r")
			works(t, n)
			if n.Cached() {
				t.Error("it says it is cached")
			}
		})
	}
}

func TestSeveralStartAtOnce(t *testing.T) {
	dir := t.TempDir()
	library(t)
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() { works(t, open(t, dir, "r")) })
	}
	g.Wait()
	left, err := filepath.Glob(filepath.Join(dir, "optimised", "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if hidden, _ := filepath.Glob(filepath.Join(dir, "optimised", ".*")); len(hidden) > 0 {
		t.Errorf("left behind: %v", hidden)
	}
}

func TestSourceThatFails(t *testing.T) {
	_, err := library(t).Open(ort.Source{Name: "broken", Graph: func() ([]byte, error) { return nil, errors.New("no model") }},
		signature, ort.Options{Device: ort.CPU, CacheDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "broken") || !strings.Contains(err.Error(), "no model") {
		t.Errorf("got %v", err)
	}
}

func TestGraphThatIsRefused(t *testing.T) {
	n := openSource(t, t.TempDir(), ort.Source{Name: "garbage", Revision: "1", Graph: func() ([]byte, error) { return []byte("garbage"), nil }})
	if _, err := n.NewSession(); err == nil || !strings.Contains(err.Error(), "garbage") {
		t.Errorf("got %v", err)
	}
}
