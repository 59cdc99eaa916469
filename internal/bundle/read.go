package bundle

import (
	"bytes"
	"fmt"
	"os"

	"plumbline/internal/bundle/manifest"
)

// ReadModels gives the detector and the landmark models of these names (lite, full, heavy), by the names of their files, for
// whoever packs them elsewhere. They come from dir, where that is not empty, the binary's surroundings or the binary itself;
// nothing is unpacked on disk.
func ReadModels(dir string, models ...string) (map[string][]byte, error) {
	return newLocator().readModels(dir, models)
}

func (l locator) readModels(dir string, models []string) (map[string][]byte, error) {
	wanted := []string{manifest.Detection.Name}
	for _, m := range models {
		f, err := manifest.Landmark(m)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, f.Name)
	}
	if dir != "" {
		if err := holdsAny(dir, wanted); err != nil {
			return nil, err
		}
	}
	found, inside, err := l.search(l.folders(Options{Dir: dir}), wanted)
	if err != nil {
		return nil, err
	}
	if err := l.checkModels(found); err != nil {
		return nil, err
	}
	contents := map[string][]byte{}
	for name, path := range found {
		if contents[name], err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("reading the model: %w", err)
		}
	}
	for _, a := range inside {
		var b bytes.Buffer
		if err := decompress(&b, a); err != nil {
			return nil, fmt.Errorf("unpacking %s: %w", a.Name, err)
		}
		contents[a.Name] = b.Bytes()
	}
	return contents, nil
}
