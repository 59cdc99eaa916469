package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"plumbline/internal/cli"
	"plumbline/internal/demo/people"
)

// role in the environment makes the test's binary the program that is tried: plumbline, or one that misbehaves.
const role = "PLUMBLINE_PHOTOS_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "plumbline":
		os.Exit(cli.Main(context.Background(), cli.Process{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Version: "test"}))
	}
	misbehave(os.Getenv(role), os.Args[3:]) // after analyze --json
}

// report audits a folder with the test's binary in a role.
func report(t *testing.T, as, folder string, flags ...string) (text string, faults int) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(role, as)
	t.Setenv("PLUMBLINE_CACHE_DIR", filepath.Join(os.TempDir(), fmt.Sprintf("plumbline-test-cache-%d", os.Getuid())))
	var out bytes.Buffer
	faults, err = run(t.Context(), &out, program, folder, flags)
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), faults
}

// Every file of a folder, odd ones too, is analysed or refused with a reason that a person understands.
func TestEveryFileIsAnalysedOrRefusedWithAReason(t *testing.T) {
	folder := t.TempDir()
	want := makePhotos(t, folder)
	others := borrow(t, folder)
	text, faults := report(t, "plumbline", folder, "--model", "lite", "--device", "cpu", "--workers", "2")
	if faults > 0 {
		t.Errorf("%d faults", faults)
	}
	said := map[string]string{}
	for line := range strings.Lines(text) {
		if name, rest, ok := strings.Cut(line, " "); ok {
			said[name] = rest
		}
	}
	for name, reason := range want {
		if !strings.Contains(said[name], reason) || reason != analysed && !strings.Contains(said[name], "refused: ") {
			t.Errorf("%s: said %q, want %q", name, strings.TrimSpace(said[name]), reason)
		}
	}
	if n := len(want) + others; !strings.Contains(text, fmt.Sprintf("\n%d files: ", n)) {
		t.Errorf("want %d files reported", n)
	}
	if t.Failed() {
		t.Log(text)
	}
}

// analysed is said of a picture in which somebody may be found or not.
const analysed = "o" // Good, Insufficient_Landmarks, No_Landmarks; Bad has none, and nobody here sits badly

// from is where the decoder's own pictures lie.
const from = "../../internal/frame/testdata/pictures"

func borrowed(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(from, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// borrow copies them all; they are of all kinds.
func borrow(t *testing.T, folder string) int {
	t.Helper()
	if err := os.CopyFS(filepath.Join(folder, "borrowed"), os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(from)
	if err != nil || len(entries) < 40 {
		t.Fatalf("%d pictures in %s: %v", len(entries), from, err)
	}
	return len(entries)
}

// makePhotos writes odd files and tells what must be said of each.
func makePhotos(t *testing.T, folder string) map[string]string {
	t.Helper()
	person := people.People()[0].Picture
	want := map[string]string{}
	add := func(name string, content []byte, reason string) {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		want[name] = reason
	}
	add("good.jpg", person, analysed)
	add("good_without_ending", person, analysed)
	add("jpeg_called.png", person, analysed)
	add("brackets[1].jpg", person, analysed)
	add("empty.jpg", nil, "it is empty")
	add("one_byte.jpg", person[:1], "not a picture")
	add("header_only.jpg", person[:300], "truncated")
	add("half.jpg", person[:len(person)/2], analysed) // as far as it goes: cameras are cut off, and OpenCV reads it too
	add("huge_header.jpg", sized(t, person, 65000, 65000), "4225 million pixels, more than the limit")
	add("no_height.jpg", sized(t, person, 640, 0), "640 x 0 pixels")
	add("page.jpg", []byte("<!DOCTYPE html><html></html>"), "HTML")
	add("notes.jpg", []byte("not a picture at all\n"), "plain text")
	add("zeros.jpg", make([]byte, 100_000), "not a picture")
	add("film.mp4", []byte("\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2"), "film")
	add("animated.gif", []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00"), "GIF")
	add("deep.png", deepPNG(t), analysed)
	add("bomb.png", hugePNG(t), "truncated or lies")
	add("half.png", deepPNG(t)[:200], "PNG")
	add("animated.webp", animatedWebP(), "animat")
	add("half.webp", borrowed(t, "lossless.webp")[:2000], "the WebP ends too early: it is truncated")
	add("large.jpg", append(slices.Clone(person), make([]byte, 9<<20)...), fmt.Sprintf("%d bytes, more than the 8MiB of --max-picture-bytes", len(person)+9<<20))
	if err := os.Mkdir(filepath.Join(folder, "folder.jpg"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ target, reason string }{
		"dangling.jpg":   {"nowhere.jpg", "no such file"},
		"loop.jpg":       {"loop.jpg", "too many levels of symbolic links"},
		"unreadable.jpg": {"/proc/self/mem", "input/output error"}, // for root too, who may read what has no rights
		"link.jpg":       {"good.jpg", analysed},
	} {
		if err := os.Symlink(c.target, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
		want[name] = c.reason
	}
	return want
}

// sized makes the header of a JPEG lie about its size.
func sized(t *testing.T, jpeg []byte, width, height uint16) []byte {
	t.Helper()
	at := bytes.Index(jpeg, []byte{0xff, 0xc0, 0x00, 0x11, 0x08}) // baseline, 17 bytes, 8 bits
	if at < 0 {
		t.Fatal("no frame header found")
	}
	lying := slices.Clone(jpeg)
	binary.BigEndian.PutUint16(lying[at+5:], height)
	binary.BigEndian.PutUint16(lying[at+7:], width)
	return lying
}

// deepPNG has 16 bits a channel.
func deepPNG(t *testing.T) []byte {
	t.Helper()
	picture := image.NewNRGBA64(image.Rect(0, 0, 320, 240))
	for i := range 320 * 240 {
		picture.SetNRGBA64(i%320, i/320, color.NRGBA64{R: uint16(i * 7), G: uint16(i * 5), B: uint16(i * 3), A: 40000})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// hugePNG says that it is 60000 x 60000, with a right check sum.
func hugePNG(t *testing.T) []byte {
	t.Helper()
	b := deepPNG(t)
	const header = 8 + 4 // after the signature and the chunk's length
	binary.BigEndian.PutUint32(b[header+4:], 60000)
	binary.BigEndian.PutUint32(b[header+8:], 60000)
	binary.BigEndian.PutUint32(b[header+17:], crc32.ChecksumIEEE(b[header:header+17]))
	return b
}

// animatedWebP is the beginning of one: an extended header with the animation flag, and its chunk.
func animatedWebP() []byte {
	chunks := "VP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x3f\x00\x00\x3f\x00\x00" + "ANIM\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	return []byte("RIFF" + string(binary.LittleEndian.AppendUint32(nil, uint32(4+len(chunks)))) + "WEBP" + chunks)
}

// misbehave is what the audit must notice, each at the file with its name.
func misbehave(how string, files []string) {
	for _, file := range files {
		line := fmt.Sprintf(`{"file":%q,"posture_status":"Good"}`, file)
		if strings.HasPrefix(filepath.Base(file), "bad") {
			switch how {
			case "panics":
				panic("index out of range")
			case "stays silent":
				continue
			case "gives no reason":
				line = fmt.Sprintf(`{"file":%q,"posture_status":null,"error":" "}`, file)
			case "says nothing":
				line = fmt.Sprintf(`{"file":%q,"posture_status":null}`, file)
			case "hides a refusal":
				line = fmt.Sprintf(`{"file":%q,"posture_status":null,"error":"too dark"}`, file)
			}
		}
		fmt.Println(line)
	}
	os.Exit(0)
}

func TestFaultsAreNoticedAtTheirFile(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a.jpg", "bad.jpg", "c.jpg"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for how, want := range map[string]string{
		"panics": "index out of range", "stays silent": "nothing was said", "gives no reason": "without a reason",
		"says nothing": "neither refused nor judged", "hides a refusal": "exit code 0 with 1 files refused",
	} {
		t.Run(how, func(t *testing.T) {
			text, faults := report(t, how, folder)
			if faults != 1 || !strings.Contains(text, want) || !strings.Contains(text, "3 files: 2 analysed, 0 refused, 1 faults") {
				t.Errorf("%d faults, want one that says %q:\n%s", faults, want, text)
			}
		})
	}
}
