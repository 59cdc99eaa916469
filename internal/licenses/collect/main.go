// Command collect writes internal/licenses/texts/go-modules.txt: the licences of Go itself and of every module that is
// linked into plumbline for the machines it is built for. Run it from the repository's root after go.mod changed.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const output = "internal/licenses/texts/go-modules.txt"

// linkedPackage is what is read of `go list -json`.
type linkedPackage struct {
	Dir    string
	Module *struct {
		Path, Version, Dir string
		Main               bool
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "collect:", err)
		os.Exit(1)
	}
}

func run() error {
	found := newCollection()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("finding Go's folder: %w", err)
	}
	for _, file := range []string{"LICENSE", "PATENTS"} {
		if err := found.add("Go "+runtime.Version(), filepath.Join(strings.TrimSpace(string(root)), file)); err != nil {
			return err
		}
	}
	for _, arch := range []string{"amd64", "arm64"} {
		packages, err := linked(arch)
		if err != nil {
			return err
		}
		for _, p := range packages {
			if err := found.addPackage(p); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(output, found.text(), 0o644)
}

// linked lists the packages of other modules that the linux binary of an architecture contains.
func linked(arch string) ([]linkedPackage, error) {
	list := exec.Command("go", "list", "-deps", "-json=Dir,Module", ".")
	list.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=1")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("listing packages for %s: %w", arch, err)
	}
	var packages []linkedPackage
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p linkedPackage
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages, nil
		case err != nil:
			return nil, fmt.Errorf("reading go list: %w", err)
		case p.Module != nil && !p.Module.Main:
			packages = append(packages, p)
		}
	}
}

// collection gathers licence texts; equal texts are kept once, with all the names they hold for.
type collection struct {
	names map[string][]string // by text
	found map[string]bool     // by module: has it any licence at all?
}

func newCollection() *collection {
	return &collection{names: map[string][]string{}, found: map[string]bool{}}
}

// addPackage takes the licence files of a package's folder and of those above it, up to its module's root: some modules
// hold code of others in folders with licences of their own.
func (c *collection) addPackage(p linkedPackage) error {
	name := p.Module.Path + " " + p.Module.Version
	for dir := p.Dir; ; dir = filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if entry.Type().IsRegular() && isLicence(entry.Name()) {
				if err := c.add(name, filepath.Join(dir, entry.Name())); err != nil {
					return err
				}
			}
		}
		if dir == p.Module.Dir {
			break
		}
	}
	if !c.found[name] {
		return fmt.Errorf("no licence found in %s", p.Module.Dir)
	}
	return nil
}

func (c *collection) add(name, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(strings.ReplaceAll(string(content), "\r\n", "\n"))
	c.found[name] = true
	if !slices.Contains(c.names[text], name) {
		c.names[text] = append(c.names[text], name)
	}
	return nil
}

// isLicence tells files such as LICENSE, LICENSE-3RD-PARTY.md, COPYING, NOTICE.txt, PATENTS from source code.
func isLicence(name string) bool {
	upper := strings.ToUpper(name)
	if slices.Contains([]string{".GO", ".S", ".C", ".H"}, filepath.Ext(upper)) {
		return false
	}
	return slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS", "UNLICENSE"},
		func(prefix string) bool { return strings.HasPrefix(upper, prefix) })
}

// text prints each licence once, under the names it holds for, ordered by the first of them.
func (c *collection) text() []byte {
	type entry struct{ names, text string }
	var entries []entry
	for text, names := range c.names {
		slices.Sort(names)
		entries = append(entries, entry{strings.Join(names, "\n"), text})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.names+a.text, b.names+b.text) })
	var out bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&out, "==== %s\n\n%s\n\n", strings.ReplaceAll(e.names, "\n", "\n==== "), e.text)
	}
	return out.Bytes()
}
