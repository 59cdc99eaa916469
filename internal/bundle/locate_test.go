package bundle_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline/internal/bundle"
	"plumbline/internal/bundle/manifest"

	"github.com/google/go-cmp/cmp"
)

var full = bundle.Options{Model: "full"}

// carried are made-up files under the real names, the same in every process; random, so that they do not compress to nothing.
func carried() map[string][]byte {
	files := map[string][]byte{}
	for seed, name := range []string{manifest.Detection.Name, manifest.LandmarkFull.Name, manifest.Library} {
		random, content := rand.New(rand.NewPCG(uint64(seed), 1)), make([]byte, 300_000)
		for i := range content {
			content[i] = byte(random.Uint32())
		}
		files[name] = content
	}
	return files
}

// machine is a fresh one, with folders that do not exist yet, and a binary that carries everything but the heavy model.
func machine(t *testing.T) bundle.Surroundings {
	t.Helper()
	root := t.TempDir()
	temp := filepath.Join(root, "tmp")
	if err := os.Mkdir(temp, 0o777); err != nil {
		t.Fatal(err)
	}
	return bundle.Surroundings{
		Executable: filepath.Join(root, "opt", "bin", "plumbline"),
		UserCache:  filepath.Join(root, "home", ".cache", "plumbline"),
		Temp:       temp,
		Inside:     carried(),
	}
}

func locate(t *testing.T, s bundle.Surroundings, o bundle.Options) bundle.Files {
	t.Helper()
	files, err := s.Locate(o)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// holdsCarried sees that the three files are the binary's.
func holdsCarried(t *testing.T, files bundle.Files) {
	t.Helper()
	if err := areCarried(files); err != nil {
		t.Error(err)
	}
}

func areCarried(files bundle.Files) error {
	var problems []error
	for path, want := range map[string][]byte{
		files.Detection: carried()[manifest.Detection.Name],
		files.Landmark:  carried()[manifest.LandmarkFull.Name],
		files.Library:   carried()[manifest.Library],
	} {
		got, err := os.ReadFile(path)
		if err == nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("%s is not what the binary carries", path)
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func put(t *testing.T, dir string, names ...string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("the user's own"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilesAreUnpackedOnceIntoTheCache(t *testing.T) {
	s := machine(t)
	first := locate(t, s, full)
	holdsCarried(t, first)
	if first.Warning != "" || first.CacheDir != s.UserCache || !strings.HasPrefix(first.Library, s.UserCache) {
		t.Errorf("unpacked to %+v", first)
	}
	s.Hashed = func(path string) { t.Errorf("the second start reads %s in full", path) }
	if diff := cmp.Diff(first, locate(t, s, full)); diff != "" {
		t.Error(diff)
	}
}

func TestFilesThatLieSomewhereAreUsedInPlace(t *testing.T) {
	names := []string{manifest.Detection.Name, manifest.LandmarkFull.Name, manifest.Library}
	for place, dir := range map[string]string{
		"the folder named":            "models",
		"the executable's folder":     "opt/bin",
		"lib beside the executable's": "opt/lib/plumbline",
	} {
		t.Run(place, func(t *testing.T) {
			s, o := machine(t), full
			dir := filepath.Join(filepath.Dir(s.Temp), dir)
			put(t, dir, names...)
			if place == "the folder named" {
				o.Dir = dir
				put(t, filepath.Dir(s.Executable), names...) // the folder named comes first
			}
			files := locate(t, s, o)
			want := bundle.Files{
				Detection: filepath.Join(dir, names[0]), Landmark: filepath.Join(dir, names[1]), Library: filepath.Join(dir, names[2]),
				CacheDir: s.UserCache,
			}
			if diff := cmp.Diff(want, files); diff != "" {
				t.Error(diff)
			}
			if _, err := os.Stat(s.UserCache); !os.IsNotExist(err) {
				t.Errorf("something was unpacked: %v", err)
			}
		})
	}
}

func TestTheHeavyModelBesideTheBinaryGoesWithTheRestFromInside(t *testing.T) {
	s := machine(t)
	beside := filepath.Dir(s.Executable)
	put(t, beside, manifest.LandmarkHeavy.Name)
	files := locate(t, s, bundle.Options{Model: "heavy"})
	if want := filepath.Join(beside, manifest.LandmarkHeavy.Name); files.Landmark != want {
		t.Errorf("the landmark model is %s, want %s", files.Landmark, want)
	}
	if !strings.HasPrefix(files.Library, s.UserCache) || !strings.HasPrefix(files.Detection, s.UserCache) {
		t.Errorf("the rest was not unpacked: %+v", files)
	}
}

func TestALibraryThatIsNamedIsNotLookedFor(t *testing.T) {
	s, o := machine(t), full
	delete(s.Inside, manifest.Library)
	o.Library = "/opt/cuda/libonnxruntime.so"
	if files := locate(t, s, o); files.Library != o.Library {
		t.Errorf("the library is %s", files.Library)
	}
}

func TestALibraryThatMayNeverBeNeededStaysInside(t *testing.T) {
	s, o := machine(t), full
	o.LibraryLater = true
	files := locate(t, s, o)
	if files.Library != "" || files.Detection == "" {
		t.Errorf("found %+v", files)
	}
	if unpacked, _ := filepath.Glob(filepath.Join(s.UserCache, "*", manifest.Library)); len(unpacked) > 0 {
		t.Errorf("it was unpacked to %s", unpacked)
	}
	holdsCarried(t, locate(t, s, full)) // it comes when it is asked for
	beside := filepath.Dir(s.Executable)
	put(t, beside, manifest.Library)
	if files := locate(t, s, o); files.Library != filepath.Join(beside, manifest.Library) {
		t.Errorf("the one beside the binary was not found: %+v", files)
	}
}

func TestModelsAreReadForOthersWithoutUnpacking(t *testing.T) {
	s := machine(t)
	got, err := s.ReadModels("", "full")
	if err != nil {
		t.Fatal(err)
	}
	want := carried()
	delete(want, manifest.Library)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Stat(s.UserCache); !os.IsNotExist(err) {
		t.Errorf("something was unpacked: %v", err)
	}
	if _, err := s.ReadModels("", "heavy"); err == nil || !strings.Contains(err.Error(), "put it beside the binary") {
		t.Errorf("the error is %v", err)
	}
	beside := filepath.Dir(s.Executable)
	put(t, beside, manifest.LandmarkHeavy.Name)
	got, err = s.ReadModels("", "heavy")
	if file, _ := os.ReadFile(filepath.Join(beside, manifest.LandmarkHeavy.Name)); err != nil || string(got[manifest.LandmarkHeavy.Name]) != string(file) {
		t.Errorf("the heavy model beside the binary was not read: %v", err)
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*bundle.Surroundings, *bundle.Options)
		want   []string
	}{
		"the heavy model": {
			func(_ *bundle.Surroundings, o *bundle.Options) { o.Model = "heavy" },
			[]string{"pose_landmark_heavy.tflite: put it beside the binary", "--models-dir", "opt/bin"},
		},
		"everything": {
			func(s *bundle.Surroundings, _ *bundle.Options) { s.Inside = nil },
			[]string{"make build", "pose_detection.tflite, pose_landmark_full.tflite, libonnxruntime.so.1"},
		},
		"the library": {
			func(s *bundle.Surroundings, _ *bundle.Options) { delete(s.Inside, manifest.Library) },
			[]string{"libonnxruntime.so.1: neither inside the binary nor in"},
		},
		"the folder named": {
			func(_ *bundle.Surroundings, o *bundle.Options) { o.Dir = "/nowhere/at/all" },
			[]string{"looking for models: stat /nowhere/at/all: no such file"},
		},
		"everything in the folder named": {
			func(s *bundle.Surroundings, o *bundle.Options) { o.Dir = s.Temp },
			[]string{"holds none of pose_detection.tflite"},
		},
		"such a model": {
			func(_ *bundle.Surroundings, o *bundle.Options) { o.Model = "huge" },
			[]string{`unknown model "huge": choose lite, full or heavy`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, o := machine(t), full
			c.change(&s, &o)
			_, err := s.Locate(o)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q lacks %q", err, want)
				}
			}
		})
	}
}

// TestThisBinaryCarriesItsFiles unpacks what was really embedded into this test.
func TestThisBinaryCarriesItsFiles(t *testing.T) {
	for _, model := range []string{"lite", "full"} {
		files, err := bundle.Locate(bundle.Options{Model: model, CacheDir: t.TempDir()})
		if err != nil {
			t.Fatalf("this test needs the packed models; run `make build`: %v", err)
		}
		landmark, err := manifest.Landmark(model)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int64{files.Detection: manifest.Detection.Size, files.Landmark: landmark.Size} {
			if info, err := os.Stat(path); err != nil || info.Size() != want {
				t.Errorf("%s: %v, %v; want %d bytes", path, info, err, want)
			}
		}
	}
}
