//go:build linux

package supply

import (
	"os"
	"path/filepath"
	"testing"
)

func TestHashFollowsTheRecipes(t *testing.T) {
	recipes := t.TempDir()
	if _, err := hashOf(recipes); err == nil {
		t.Error("no recipes, and no complaint")
	}
	var seen []string
	for _, text := range []string{"go 1.26", "go 1.27", "go 1.26"} {
		file := filepath.Join(recipes, "etcd", "go.mod")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		hash, err := hashOf(recipes)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, hash)
	}
	if seen[0] == seen[1] || seen[0] != seen[2] {
		t.Errorf("hashes of two recipes and the first again: %v", seen)
	}
}

// Every recipe that a program names is there, and every recipe is some program's.
func TestRecipesAreThere(t *testing.T) {
	named := map[string]bool{}
	for _, p := range programs {
		named[p.recipe] = true
		if _, err := os.Stat(filepath.Join("..", "tools", p.recipe, "go.sum")); err != nil {
			t.Error(err)
		}
	}
	folders, err := filepath.Glob("../tools/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if !named[filepath.Base(f)] {
			t.Errorf("nothing is built from %s", f)
		}
	}
}
