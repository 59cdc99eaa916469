package ort

import (
	"debug/elf"
	"fmt"
	"os"
	"runtime"
)

// machines are the architectures that there are libraries for, in ELF's words and in Go's.
var machines = map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}

// checkELF says what the loader would say badly or not at all: of a library for another machine it says that there is no such
// file, and one that was cut short may end the process. What cannot be opened is left to the loader.
func checkELF(path string) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", path)
	}
	if !startsAsELF(f) {
		return fmt.Errorf("%s is no library", path)
	}
	library, err := elf.NewFile(f)
	if err != nil {
		return fmt.Errorf("%s is a damaged or incomplete library (%w): copy it again", path, err)
	}
	if machine := nameOf(library.Machine); machine != runtime.GOARCH {
		return fmt.Errorf("%s is a library for %s, and this program runs on %s", path, machine, runtime.GOARCH)
	}
	for _, p := range library.Progs {
		if p.Type == elf.PT_LOAD && p.Off+p.Filesz > uint64(info.Size()) { //nolint:gosec // sizes are not negative
			return fmt.Errorf("%s is an incomplete library: it has %d bytes and speaks of %d; copy it again", path, info.Size(), p.Off+p.Filesz)
		}
	}
	return nil
}

func startsAsELF(f *os.File) bool {
	head := make([]byte, len(elf.ELFMAG))
	_, err := f.ReadAt(head, 0)
	return err == nil && string(head) == elf.ELFMAG
}

func nameOf(m elf.Machine) string {
	if name, ok := machines[m]; ok {
		return name
	}
	return m.String()
}
