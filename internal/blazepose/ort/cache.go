//go:build cgo

package ort

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// errNotCached says that the cache has no such file, which is no fault.
var errNotCached = errors.New("not cached")

// A sealed file is ONNX Runtime's file with these bytes at its end: the magic, the file's length without them and its
// CRC-32C, both little-endian. ONNX Runtime checks the structure of what it maps, but not the weights.
const (
	sealMagic = "PLUMBORT"
	sealBytes = len(sealMagic) + 8 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// cachePath is where the optimised network is kept: named by everything that its content depends on. Empty where nothing
// is kept: without a folder, on other devices than the CPU, or where the CPU's features can't be read.
func (n *Network) cachePath() string {
	features := cpuFeatures()
	if n.o.CacheDir == "" || n.o.Device != CPU || features == "" {
		return ""
	}
	key := sha256.Sum256([]byte(strings.Join([]string{n.library.version, runtime.GOARCH, features, n.source.Revision}, "\n")))
	return filepath.Join(n.o.CacheDir, "optimised", n.name+"-"+hex.EncodeToString(key[:8])+".ort")
}

// cpuFeatures is the line of /proc/cpuinfo that lists the first processor's features: optimised networks lay out their
// weights for them.
var cpuFeatures = sync.OnceValue(func() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 8<<10) // one processor's entry; the whole file takes milliseconds on large machines
	k, _ := io.ReadFull(f, head)
	for line := range strings.Lines(string(head[:k])) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			if name = strings.TrimSpace(name); name == "flags" || name == "Features" {
				return line
			}
		}
	}
	return ""
})

// mapSealed maps a sealed file into memory, read-only and shared with every process that maps it. Files are replaced by
// renaming and never changed, so what is mapped stays as it was checked.
func mapSealed(path string) (content []byte, unmap func() error, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil, errNotCached
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if info.Size() <= int64(sealBytes) {
		return nil, nil, fmt.Errorf("%d bytes are too few", info.Size())
	}
	all, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED|mapPopulate)
	if err != nil {
		return nil, nil, fmt.Errorf("mapping: %w", err)
	}
	if content, err = unseal(all); err != nil {
		return nil, nil, errors.Join(err, syscall.Munmap(all))
	}
	return content, func() error { return syscall.Munmap(all) }, nil
}

// unseal checks a sealed file and returns what is sealed.
func unseal(all []byte) ([]byte, error) {
	content, seal := all[:len(all)-sealBytes], all[len(all)-sealBytes:]
	if !bytes.Equal(seal, sealOf(content)) {
		return nil, errors.New("its check sum is wrong")
	}
	return content, nil
}

func sealOf(content []byte) []byte {
	seal := []byte(sealMagic)
	seal = binary.LittleEndian.AppendUint64(seal, uint64(len(content)))
	return binary.LittleEndian.AppendUint32(seal, crc32.Checksum(content, castagnoli))
}

// writeSealed lets save write a file, seals it and moves it to path: others see nothing or the whole.
func writeSealed(path string, save func(temporary string) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	folder, err := os.MkdirTemp(filepath.Dir(path), temporaryPrefix+"*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	temporary := filepath.Join(folder, filepath.Base(path))
	if err := save(temporary); err != nil {
		return fmt.Errorf("saving: %w", err)
	}
	if err := seal(temporary); err != nil {
		return fmt.Errorf("sealing: %w", err)
	}
	return os.Rename(temporary, path)
}

// seal appends the seal to a file and waits until the disk has it.
func seal(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(sealOf(content))
	return errors.Join(err, f.Sync(), f.Close())
}
