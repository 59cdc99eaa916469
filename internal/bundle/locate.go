package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"plumbline/internal/bundle/manifest"
)

// Options say what is needed and where it may lie.
type Options struct {
	// Dir is a folder with files to use in place; it must hold at least one of those needed. Empty: none.
	Dir string
	// Library is the path of ONNX Runtime's library, for builds other than the one inside. Empty: look for it.
	Library string
	// LibraryLater leaves a library that only the binary has where it is: it may never be needed, and is the largest of all.
	// Files.Library is empty then; Locate without this unpacks it.
	LibraryLater bool
	// CacheDir is the folder to unpack to. Empty: plumbline in the user's cache folder, or a temporary one where that fails.
	CacheDir string
	// Model is the landmark model: lite, full or heavy.
	Model string
}

// Files are the paths found.
type Files struct {
	Detection string // pose_detection.tflite
	Landmark  string // pose_landmark_<model>.tflite
	Library   string // ONNX Runtime; empty where it may come later
	// CacheDir is a folder for what may be kept between starts, such as optimised models: Options.CacheDir or the user's
	// cache folder, or the temporary folder that stands in for it. It need not exist.
	CacheDir string
	// Warning is a sentence for the user when a temporary folder stands in for the cache; empty otherwise.
	Warning string
}

// Locate finds the model's files and the library, each in the first of these places that has it: Options.Dir; the
// executable's folder and ../lib/plumbline from there; the binary itself, from which it is unpacked into the cache. Any
// number of processes may call it at once.
func Locate(o Options) (Files, error) {
	return newLocator().locate(o)
}

// locator holds what Locate reads of its surroundings.
type locator struct {
	executable string // its path, links resolved; empty when unknown
	userCache  string // empty when unknown, for lack of HOME
	temp       string // the system's folder for temporary files
	inside     map[string]asset
	pinned     []manifest.File   // the models, which are what they should be or refused
	hashed     func(path string) // told of every file that is hashed; for tests
}

// asset is a file inside the binary.
type asset struct {
	manifest.File
	fs   fs.FS
	path string
}

func newLocator() locator {
	l := locator{temp: os.TempDir(), inside: map[string]asset{}, pinned: manifest.AllModels(), hashed: func(string) {}}
	if path, err := os.Executable(); err == nil {
		if l.executable, err = filepath.EvalSymlinks(path); err != nil {
			l.executable = path
		}
	}
	if dir, err := os.UserCacheDir(); err == nil {
		l.userCache = filepath.Join(dir, "plumbline")
	}
	for _, f := range manifest.Models {
		l.carry(asset{f, modelAssets, "assets/" + manifest.ModelAsset(f)})
	}
	l.carry(asset{manifest.Libraries[runtime.GOARCH], libraryAssets, "assets/" + manifest.LibraryAsset(runtime.GOARCH)})
	return l
}

// carry notes an asset if it was there when the binary was built.
func (l locator) carry(a asset) {
	if _, err := fs.Stat(a.fs, a.path); err == nil {
		l.inside[a.Name] = a
	}
}

func (l locator) locate(o Options) (Files, error) {
	landmark, err := manifest.Landmark(o.Model)
	if err != nil {
		return Files{}, err
	}
	names := []string{manifest.Detection.Name, landmark.Name}
	if o.Library == "" {
		names = append(names, manifest.Library)
	}
	if o.Dir != "" {
		if err := holdsAny(o.Dir, names); err != nil {
			return Files{}, err
		}
	}
	found, unpack, err := l.search(l.folders(o), names)
	if err != nil {
		return Files{}, err
	}
	if o.LibraryLater {
		unpack = slices.DeleteFunc(unpack, func(a asset) bool { return a.Name == manifest.Library })
	}
	if err := l.checkModels(found); err != nil {
		return Files{}, err
	}
	files := Files{CacheDir: l.cacheDir(o)}
	if len(unpack) > 0 {
		if files.CacheDir, files.Warning, err = l.unpack(o, unpack, found); err != nil {
			return Files{}, err
		}
	}
	files.Detection, files.Landmark, files.Library = found[names[0]], found[names[1]], found[manifest.Library]
	if o.Library != "" {
		files.Library = o.Library
	}
	return files, nil
}

func (l locator) cacheDir(o Options) string {
	if o.CacheDir != "" {
		return o.CacheDir
	}
	return l.userCache
}

// folders are the places where files are used as they lie.
func (l locator) folders(o Options) []string {
	var folders []string
	if o.Dir != "" {
		folders = append(folders, o.Dir)
	}
	if l.executable != "" {
		beside := filepath.Dir(l.executable)
		folders = append(folders, beside, filepath.Join(beside, "..", "lib", "plumbline"))
	}
	return folders
}

// search finds the names in the folders, and among the assets what must be unpacked.
func (l locator) search(folders, names []string) (found map[string]string, unpack []asset, err error) {
	found = map[string]string{}
	var missing []string
	for _, name := range names {
		if path := firstFile(folders, name); path != "" {
			found[name] = path
		} else if a, ok := l.inside[name]; ok {
			unpack = append(unpack, a)
		} else {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, nil, l.explain(missing, folders)
	}
	return found, unpack, nil
}

// explain says what is missing and what to do about it.
func (l locator) explain(missing, folders []string) error {
	places := strings.Join(folders, ", ")
	switch {
	case len(missing) == 1 && missing[0] == manifest.LandmarkHeavy.Name:
		return fmt.Errorf("the heavy model is a file of its own, %s: put it beside the binary or name its folder with --models-dir (looked in %s)", missing[0], places)
	case carries != "":
		return errors.New(carries)
	case len(l.inside) == 0:
		return fmt.Errorf("this binary was built without its models and ONNX Runtime: build it with `make build`, or put %s into one folder of %s", strings.Join(missing, ", "), places)
	}
	return fmt.Errorf("%s: neither inside the binary nor in %s", strings.Join(missing, ", "), places)
}

func holdsAny(dir string, names []string) error {
	if info, err := os.Stat(dir); err != nil {
		return fmt.Errorf("looking for models: %w", err)
	} else if !info.IsDir() {
		return fmt.Errorf("looking for models: %s is not a folder", dir)
	}
	for _, name := range names {
		if firstFile([]string{dir}, name) != "" {
			return nil
		}
	}
	return fmt.Errorf("the folder %s holds none of %s", dir, strings.Join(names, ", "))
}

// firstFile gives the path of the first regular file of that name, links followed, or "".
func firstFile(folders []string, name string) string {
	for _, dir := range folders {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}
