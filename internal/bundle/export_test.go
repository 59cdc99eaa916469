package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"

	"plumbline/internal/bundle/manifest"
)

// Surroundings stand in for the machine and the binary that Locate looks at.
type Surroundings struct {
	Executable, UserCache, Temp string
	Inside                      map[string][]byte // files inside the binary
	Pinned                      []manifest.File   // models that must be as they are here
	Forged                      bool              // they do not have the hashes that are expected
	Hashed                      func(path string) // told of every file that is read in full
	Open                        func(fs.FS) fs.FS // wraps what the assets are read from
}

// RemoveUnused removes folders of the cache that nobody uses.
func RemoveUnused(cache string) { removeUnused(cache, "") }

// Locate is the package's Locate in these surroundings.
func (s Surroundings) Locate(o Options) (Files, error) {
	l, err := s.locator()
	if err != nil {
		return Files{}, err
	}
	return l.locate(o)
}

// ReadModels is the package's ReadModels in these surroundings.
func (s Surroundings) ReadModels(dir string, models ...string) (map[string][]byte, error) {
	l, err := s.locator()
	if err != nil {
		return nil, err
	}
	return l.readModels(dir, models)
}

func (s Surroundings) locator() (locator, error) {
	l := locator{
		executable: s.Executable, userCache: s.UserCache, temp: s.Temp, inside: map[string]asset{}, pinned: s.Pinned, hashed: func(string) {},
	}
	if s.Hashed != nil {
		l.hashed = s.Hashed
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		return locator{}, err
	}
	packed := fstest.MapFS{}
	for name, content := range s.Inside {
		sum := sha256.Sum256(content)
		if s.Forged {
			sum[0]++
		}
		packed[name] = &fstest.MapFile{Data: z.EncodeAll(content, nil)}
		var from fs.FS = packed
		if s.Open != nil {
			from = s.Open(packed)
		}
		l.carry(asset{manifest.File{Name: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}, from, name})
	}
	return l, nil
}
