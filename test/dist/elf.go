package main

import (
	"debug/elf"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// newest are the newest symbol versions that may be asked for: those of glibc 2.28 and GCC 8, which RHEL 8, Debian 10
// and JetPack 5 have.
var newest = map[string]string{
	"GLIBC":   "2.28",
	"GLIBCXX": "3.4.25",
	"CXXABI":  "1.3.11",
	"GCC":     "8.0.0",
}

// libc are the parts of glibc; nothing else may be needed by the binary itself.
var libc = []string{
	"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2",
	"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1",
}

// libcxx is what ONNX Runtime's library needs besides; every distribution installs it with its C++ programs.
var libcxx = []string{"libstdc++.so.6", "libgcc_s.so.1"}

// checkELF says what in an ELF file would keep it from loading on an old Linux: libraries other than those allowed, and
// symbol versions newer than ours.
func checkELF(file string, allowed []string) error {
	f, err := elf.Open(file)
	if err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	defer f.Close()
	needed, err := f.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	for _, library := range needed {
		if !slices.Contains(allowed, library) {
			return fmt.Errorf("%s needs %s", path.Base(file), library)
		}
	}
	symbols, err := f.ImportedSymbols()
	if err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	for _, symbol := range symbols {
		if tooNew(symbol.Version) {
			return fmt.Errorf("%s needs %s of version %s", path.Base(file), symbol.Name, symbol.Version)
		}
	}
	return nil
}

// tooNew compares a symbol version such as GLIBC_2.34 with the newest one that is allowed. Versions in words
// (GLIBC_PRIVATE) are too new, those of families not listed are not ours to judge.
func tooNew(version string) bool {
	family, number, found := strings.Cut(version, "_")
	limit, known := newest[family]
	if !found || !known {
		return false
	}
	parts, err := numbers(number)
	if err != nil {
		return true
	}
	most, err := numbers(limit)
	return err != nil || slices.Compare(parts, most) > 0
}

func numbers(dotted string) ([]int, error) {
	var parts []int
	for part := range strings.SplitSeq(dotted, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, fmt.Errorf("%q is no version: %w", dotted, err)
		}
		parts = append(parts, n)
	}
	return parts, nil
}
