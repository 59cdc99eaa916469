package cli

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"plumbline/deploy/monitoring"
	"plumbline/internal/cluster/manifest"
	"plumbline/internal/cluster/manifest/helm"
	"plumbline/internal/wording"
)

// writeDeployed writes what would be applied for kustomize or Helm, without Secrets.
func writeDeployed(p *Process, output string, o manifest.Options) error {
	kind, folder, _ := strings.Cut(output, ":")
	o.Secrets = nil
	files, err := deployedFiles(kind, o)
	if err != nil {
		return misused(err)
	}
	if err := writeFolder(folder, files); err != nil {
		return err
	}
	fmt.Fprintf(p.Stderr, "%s in %s. Secrets are not among them: make them once with plumbline deploy --secrets-only --namespace %s … | kubectl apply -f -\n", wording.Count(len(files), "file"), folder, o.Namespace)
	return nil
}

func deployedFiles(kind string, o manifest.Options) (map[string][]byte, error) {
	if kind == "helm" {
		dashboard, err := monitoring.Dashboard()
		if err != nil {
			return nil, err
		}
		return helm.Chart(o, dashboard, monitoring.Alerts)
	}
	objects, err := manifest.Objects(o)
	if err != nil {
		return nil, err
	}
	return manifest.Kustomize(objects)
}

// writeFolder fills a folder. What is there already and is not ours to write is left alone, and told of: kustomize would
// pass it over, Helm would not.
func writeFolder(folder string, files map[string][]byte) error {
	foreign, err := foreignFiles(folder, files)
	if err != nil {
		return fmt.Errorf("looking at %s: %w", folder, err)
	}
	if len(foreign) > 0 {
		return fmt.Errorf("%s holds %s, which %s not of this version: name an empty folder, or remove what is no longer wanted", folder, strings.Join(foreign, ", "), wording.Agree(len(foreign), "is", "are"))
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // for others to read: there is no secret in it
			return fmt.Errorf("making a folder: %w", err)
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil { //nolint:gosec // likewise
			return fmt.Errorf("writing: %w", err)
		}
	}
	return nil
}

func foreignFiles(folder string, ours map[string][]byte) (names []string, err error) {
	if _, err := os.Stat(folder); os.IsNotExist(err) {
		return nil, nil
	}
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if _, known := ours[filepath.ToSlash(name)]; !known {
			names = append(names, name)
		}
		return err
	})
	return names, err
}
