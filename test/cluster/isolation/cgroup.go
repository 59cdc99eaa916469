//go:build linux

package isolation

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const cgroups = "/sys/fs/cgroup"

// MakeCgroup makes a cgroup of that name, in every hierarchy where there are several (version 1).
func MakeCgroup(name string) error {
	for _, hierarchy := range hierarchies() {
		folder := filepath.Join(hierarchy, name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("making a cgroup: %w", err)
		}
		// Version 1's cpusets start empty, and nothing can run in an empty one.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if all, err := os.ReadFile(filepath.Join(hierarchy, file)); err == nil && filepath.Base(hierarchy) == "cpuset" {
				if err := os.WriteFile(filepath.Join(folder, file), all, 0o644); err != nil {
					return fmt.Errorf("filling the cpuset: %w", err)
				}
			}
		}
	}
	return nil
}

// RemoveCgroups removes the cgroups whose name starts with prefix, with all below. Cgroups outlive the namespaces of
// their processes, and a process that was killed a moment ago may still be leaving: it tries for ten seconds.
func RemoveCgroups(prefix string) error {
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		left := 0
		for _, hierarchy := range hierarchies() {
			roots, _ := filepath.Glob(filepath.Join(hierarchy, prefix+"*"))
			for _, root := range roots {
				left += removeTree(root)
			}
		}
		if left == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d cgroups %s* cannot be removed: something still runs in them", left, prefix)
		}
		<-tick.C
	}
}

// removeTree removes a cgroup from its leaves up and says how many are left.
func removeTree(root string) (left int) {
	var folders []string
	filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error { //nolint:errcheck // what is gone is gone
		if err == nil && d.IsDir() {
			folders = append(folders, path)
		}
		return nil
	})
	slices.Reverse(folders)
	for _, folder := range folders {
		if err := unix.Rmdir(folder); err != nil && !os.IsNotExist(err) {
			left++
		}
	}
	return left
}

// hierarchies are the folders below which a cgroup is made: one with version 2; with version 1 one a controller, and those
// without, where runc makes cgroups, too.
func hierarchies() []string {
	if _, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers")); err == nil {
		return []string{cgroups}
	}
	var all []string
	entries, _ := os.ReadDir(cgroups)
	for _, e := range entries {
		if e.IsDir() {
			all = append(all, filepath.Join(cgroups, e.Name()))
		}
	}
	return all
}
