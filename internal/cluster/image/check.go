package image

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// machines are the architectures as ELF names them.
var machines = map[elf.Machine]Platform{elf.EM_X86_64: "linux/amd64", elf.EM_AARCH64: "linux/arm64"}

// largestLibrary bounds what is read of a file that bears a library's name.
const largestLibrary = 64 << 20

// needs are shared libraries by their names (libc.so.6), each with the versions wanted of it (GLIBC_2.28).
type needs map[string]map[string]bool

// runtimeNeeds are those of the ONNX Runtime inside the binary, for processors that Plumbline's own kernels refuse.
var runtimeNeeds = []string{"libstdc++.so.6", "libgcc_s.so.1"}

func (n needs) want(library string, versions ...string) {
	if n[library] == nil {
		n[library] = map[string]bool{}
	}
	for _, v := range versions {
		n[library][v] = true
	}
}

// read adds what an ELF file asks for, and checks that it is for the platform.
func (n needs) read(file string, p Platform) error {
	f, err := elf.Open(file)
	if err != nil {
		return fmt.Errorf("%s is no binary for Linux: %w", file, err)
	}
	defer f.Close()
	if machines[f.Machine] != p {
		return fmt.Errorf("%s is for %s, not for %s", file, machineName(f.Machine), p)
	}
	libraries, err := f.ImportedLibraries()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	for _, l := range libraries {
		n.want(l)
	}
	versions, err := f.DynamicVersionNeeds()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	for _, v := range versions {
		for _, d := range v.Needs {
			n.want(v.Name, d.Dep)
		}
	}
	return nil
}

func machineName(m elf.Machine) string {
	if p, ok := machines[m]; ok {
		return string(p)
	}
	return m.String()
}

// check looks for the libraries in the base's layers. The lowest come first, since that is where a distribution's libraries lie:
// gigabytes of CUDA above them need not be read.
func (n needs) check(ctx context.Context, b base, p Platform) error {
	have := needs{}
	layers, err := b.Layers()
	if err != nil {
		return fmt.Errorf("reading the base image %s: %w", b.name, err)
	}
	for _, l := range layers {
		if n.complaint(have) == "" {
			return nil
		}
		if err := n.look(ctx, l, have, p); err != nil {
			return fmt.Errorf("reading the base image %s: %w", b.name, err)
		}
	}
	if complaint := n.complaint(have); complaint != "" {
		return fmt.Errorf("the base image %s %s", b.name, complaint)
	}
	return nil
}

// complaint says what is missing, or "".
func (n needs) complaint(have needs) string {
	for _, library := range slices.Sorted(maps.Keys(n)) {
		found, ok := have[library]
		switch {
		case !ok && library == "libc.so.6":
			return "has no libc.so.6: it is no system with glibc (Alpine is none); choose one such as " + DefaultBase
		case !ok:
			return "has no " + library + ", which Plumbline or ONNX Runtime needs: choose one with libstdc++, such as " + DefaultBase
		}
		for _, v := range slices.Sorted(maps.Keys(n[library])) {
			if !found[v] {
				return fmt.Sprintf("has too old a %s: %s is needed, and it ends at %s; choose a newer base", library, v, newest(found))
			}
		}
	}
	return ""
}

// newest is the highest version, numbers compared as numbers: 2.31 is newer than 2.4.
func newest(versions map[string]bool) string {
	list := slices.SortedFunc(maps.Keys(versions), compareVersions)
	if len(list) == 0 {
		return "none"
	}
	return list[len(list)-1]
}

func compareVersions(a, b string) int {
	split := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == '_' })
	}
	return slices.CompareFunc(split(a), split(b), func(x, y string) int {
		if strings.Trim(x+y, "0123456789") == "" && len(x) != len(y) {
			return len(x) - len(y)
		}
		return strings.Compare(x, y)
	})
}

// look notes the libraries of a layer, with the versions that they define.
func (n needs) look(ctx context.Context, l v1.Layer, have needs, p Platform) error {
	r, err := l.Uncompressed()
	if err != nil {
		return err
	}
	defer r.Close()
	return eachEntry(while{ctx, r}, func(h *tar.Header, from io.Reader) error {
		if h.Typeflag != tar.TypeReg || !n.mayBe(h.Name) || h.Size > largestLibrary {
			return nil
		}
		b, err := io.ReadAll(from)
		if err != nil {
			return err
		}
		have.define(b, p)
		return nil
	})
}

// mayBe tells from a file's name whether it could be one of the libraries: libstdc++.so.6.0.30 is libstdc++.so.6, and glibc's
// older packages call libc.so.6 libc-2.31.so.
func (n needs) mayBe(file string) bool {
	name := path.Base(file)
	for library := range n {
		stem, _, _ := strings.Cut(library, ".so")
		if strings.HasPrefix(library, "ld-") {
			stem = "ld" // ld-linux-x86-64.so.2 was ld-2.31.so
		}
		if strings.HasPrefix(name, library) || strings.HasPrefix(name, stem+"-") {
			return true
		}
	}
	return false
}

// define notes a library under the name that it bears itself; what is no library is none.
func (n needs) define(b []byte, p Platform) {
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return
	}
	defer f.Close()
	names, err := f.DynString(elf.DT_SONAME)
	if err != nil || len(names) == 0 || machines[f.Machine] != p {
		return
	}
	n.want(names[0])
	versions, err := f.DynamicVersions()
	if err != nil {
		return
	}
	for _, v := range versions {
		if v.Flags&elf.VER_FLG_BASE == 0 { // the base names the file
			n.want(names[0], v.Name)
		}
	}
}
