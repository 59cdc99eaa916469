package internal_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The table of docs/DESIGN.md names every package: by a row of its own, or by its last name in the row of a folder above it.
func TestDesignNamesEveryPackage(t *testing.T) {
	rows := designRows(t)
	packages := packagesBelow(t, ".")
	if len(packages) < 30 {
		t.Fatalf("only %d packages found: the test no longer reads the tree", len(packages))
	}
	for _, p := range packages {
		if !isNamed(rows, p) {
			t.Errorf("docs/DESIGN.md does not name internal/%s: give it a row in the table of packages, or name it as `%s` in the row of %s",
				p, path.Base(p), path.Dir("internal/"+p))
		}
	}
	for name := range rows {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("docs/DESIGN.md speaks of internal/%s, and there is no such folder", name)
		}
	}
}

func isNamed(rows map[string]string, p string) bool {
	if _, own := rows[p]; own {
		return true
	}
	for above := path.Dir(p); above != "."; above = path.Dir(above) {
		if strings.Contains(rows[above], "`"+path.Base(p)+"`") {
			return true
		}
	}
	return false
}

// designRows gives the table's rows by the folder below internal that each is about.
func designRows(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../docs/DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `internal/([a-z/]+)` \\|(.*)$").FindAllStringSubmatch(string(text), -1) {
		rows[m[1]] = m[2]
	}
	return rows
}

func packagesBelow(t *testing.T, folder string) []string {
	t.Helper()
	seen := map[string]bool{}
	var packages []string
	err := filepath.WalkDir(folder, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "testdata" {
			return filepath.SkipDir
		}
		dir := filepath.ToSlash(filepath.Dir(file))
		if strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") && !seen[dir] {
			seen[dir] = true
			packages = append(packages, dir)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}
