package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline/internal/bundle/manifest"
)

func TestTheDetectorIsCutOutWhereTheLoaderSays(t *testing.T) {
	loader := []byte(`(function(){ loadPackage({"files": [{"filename": "/a/other.bin", "start": 0, "end": 3}, {"filename": "/b/pose_detection.tflite", "start": 3, "end": 7}], "remote_package_size": 9}); })();`)
	got, err := unpackaged(loader, []byte("abcDATAxy"), "pose_detection.tflite")
	if err != nil || string(got) != "DATA" {
		t.Errorf("%q, %v", got, err)
	}
	for name, c := range map[string]struct{ loader, file, want string }{
		"a range beyond the data": {string(loader), "abc", "lies at 3 to 7 of 3 bytes"},
		"another package":         {`loadPackage({"files": []})`, "abc", "holds no pose_detection.tflite"},
		"another loader":          {"console.log()", "abc", "has no loadPackage"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := unpackaged([]byte(c.loader), []byte(c.file), "pose_detection.tflite")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, without %q", err, c.want)
			}
		})
	}
}

func TestWhatIsPackedRightIsLeftAloneAndTheRestIsPackedAgain(t *testing.T) {
	content := []byte(strings.Repeat("weights ", 1000))
	sum := sha256.Sum256(content)
	reads := 0
	j := job{
		File: manifest.File{Name: "m.tflite", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])},
		read: func() ([]byte, error) { reads++; return content, nil },
		to:   filepath.Join(t.TempDir(), "new", "m.tflite.zst"),
	}
	for _, want := range []int{1, 1, 2} {
		if want == 2 {
			if err := os.Truncate(j.to, 20); err != nil {
				t.Fatal(err)
			}
		}
		if err := compress(j); err != nil {
			t.Fatal(err)
		}
		if reads != want || !packed(j) {
			t.Errorf("read %d times, want %d; packed: %t", reads, want, packed(j))
		}
	}
}

func TestOtherFilesThanThePinnedOnesAreRefused(t *testing.T) {
	j := job{File: manifest.Detection, read: func() ([]byte, error) { return []byte("newer"), nil }, to: filepath.Join(t.TempDir(), "m.zst")}
	err := compress(j)
	if err == nil || !strings.Contains(err.Error(), "another version of the npm package") {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(j.to); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was packed: %v", err)
	}
}

func TestMissingPackagesAreExplained(t *testing.T) {
	err := pack(t.TempDir(), t.TempDir(), "")
	if err == nil || !strings.Contains(err.Error(), "run `make deps`") {
		t.Errorf("the error is %v", err)
	}
}
