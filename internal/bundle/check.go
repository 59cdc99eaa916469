package bundle

import (
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"

	"plumbline/internal/bundle/manifest"
)

// checkModels reads the models among the files found in folders: 28 MB, the largest, take some 20 ms where the processor
// knows SHA-256.
func (l locator) checkModels(found map[string]string) error {
	var checks errgroup.Group
	for _, f := range l.pinned {
		if path, ok := found[f.Name]; ok {
			checks.Go(func() error { return l.checkModel(path, f) })
		}
	}
	return checks.Wait()
}

func (l locator) checkModel(path string, want manifest.File) error {
	advice := "copy it again"
	if _, ok := l.inside[want.Name]; ok {
		advice += ", or remove it: the right one is inside the binary"
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking at the model: %w", err)
	}
	if info.Size() != want.Size {
		return fmt.Errorf("the model %s is damaged or another version: it has %d bytes instead of %d; %s", path, info.Size(), want.Size, advice)
	}
	got, err := l.hash(path)
	if err != nil {
		return fmt.Errorf("reading the model: %w", err)
	}
	if got != want.SHA256 {
		return fmt.Errorf("the model %s is damaged or another version: its SHA-256 is %s instead of %s; %s", path, got, want.SHA256, advice)
	}
	return nil
}
