package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"plumbline/internal/bundle/manifest"
)

// compress writes a job's file unless the one that is there unpacks to the right bytes.
func compress(j job) error {
	if packed(j) {
		return nil
	}
	b, err := j.read()
	if err != nil {
		return err
	}
	if err := check(b, j.File); err != nil {
		return err
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return err
	}
	small := z.EncodeAll(b, nil)
	fmt.Printf("%s: %.1f MB, compressed %.1f\n", filepath.Base(j.to), float64(len(b))/1e6, float64(len(small))/1e6)
	return errors.Join(z.Close(), write(j.to, small))
}

func packed(j job) bool {
	f, err := os.Open(j.to)
	if err != nil {
		return false
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		return false
	}
	defer z.Close()
	return holds(z, j.File)
}

// place copies the heavy model beside the binary.
func place(modules, to string) error {
	if f, err := os.Open(to); err == nil {
		defer f.Close()
		if holds(f, manifest.LandmarkHeavy) {
			return nil
		}
	}
	b, err := model(modules, manifest.LandmarkHeavy.Name)()
	if err != nil {
		return err
	}
	if err := check(b, manifest.LandmarkHeavy); err != nil {
		return err
	}
	fmt.Printf("%s: %.1f MB\n", to, float64(len(b))/1e6)
	return write(to, b)
}

func holds(r io.Reader, f manifest.File) bool {
	sum := sha256.New()
	_, err := io.Copy(sum, r)
	return err == nil && hex.EncodeToString(sum.Sum(nil)) == f.SHA256
}

func check(b []byte, want manifest.File) error {
	if int64(len(b)) != want.Size || !holds(bytes.NewReader(b), want) {
		return fmt.Errorf("%s has %d bytes and the SHA-256 %x; internal/bundle/manifest wants %d and %s: is another version of the npm package installed?",
			want.Name, len(b), sha256.Sum256(b), want.Size, want.SHA256)
	}
	return nil
}

// write replaces a file as a whole, so that an interrupted build leaves the old one or the new.
func write(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp") // no embed pattern takes a leading dot
	if err := os.WriteFile(temp, b, 0o644); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
