package image

import (
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
)

// misuse is an error that nothing but other settings helps against.
type misuse struct{ error }

// Misused tells what was set wrong from what went wrong.
func (misuse) Misused() bool { return true }

// Unwrap gives the error itself.
func (m misuse) Unwrap() error { return m.error }

// CheckName refuses what cannot name an image that is written or pushed: there must be a name, and a tag or none, but no digest.
func CheckName(ref string) error {
	if _, _, err := fullName(ref); err != nil {
		return misuse{err}
	}
	return nil
}

// sameBuild sees that the binaries of all platforms are one build: they go by one version.
func sameBuild(variants []Variant) error {
	var first *buildinfo.BuildInfo
	for i, v := range variants {
		info, err := readBinary(v)
		if err != nil {
			return err
		}
		if i == 0 {
			first = info
			continue
		}
		if what := difference(first, info); what != "" {
			return misuse{fmt.Errorf("%s and %s are of different builds: %s. Build both anew (make dist), or an image of one with --platform", variants[0].Binary, v.Binary, what)}
		}
	}
	return nil
}

// stamp is what the build writes into the program beside its version: main.version.
var stamp = regexp.MustCompile(`\[plumbline:([!-Z^-~]{1,100})\]`)

// CheckVersion sees that a binary is the version that the image is to be called after, as far as the binary knows: an older one that was
// left lying would go to every node under the new name.
func CheckVersion(v Variant, want string) error {
	if _, err := readBinary(v); err != nil {
		return err
	}
	b, err := os.ReadFile(v.Binary)
	if err != nil {
		return misuse{fmt.Errorf("the binary: %w", err)}
	}
	is := "of a version that cannot be told"
	if found := stamp.FindSubmatch(b); found != nil {
		is = string(found[1])
	}
	if is == want {
		return nil
	}
	return misuse{fmt.Errorf("%s is %s, and this program, which the image is named after, is %s: `make dist` builds what is packed, `make build` this program", v.Binary, is, want)}
}

// difference is what makes two binaries different builds, as far as they know it themselves, or "".
func difference(a, b *buildinfo.BuildInfo) string {
	for _, told := range []struct{ key, name string }{{"vcs.revision", "commit"}, {"vcs.modified", "uncommitted changes"}} {
		if x, y := setting(a, told.key), setting(b, told.key); x != y {
			return fmt.Sprintf("%s %s and %s", told.name, known(x), known(y))
		}
	}
	for _, m := range a.Deps {
		i := slices.IndexFunc(b.Deps, func(o *debug.Module) bool { return o.Path == m.Path })
		if i < 0 || b.Deps[i].Version != m.Version {
			return "one has " + m.Path + " " + m.Version + ", the other not"
		}
	}
	if len(a.Deps) != len(b.Deps) {
		return fmt.Sprintf("%d and %d modules", len(a.Deps), len(b.Deps))
	}
	return ""
}

func known(text string) string {
	if text == "" {
		return "not known"
	}
	return text
}

// debuggable says whether a binary carries what only debuggers read, a fifth of it.
func debuggable(binary string) bool {
	f, err := elf.Open(filepath.Clean(binary))
	if err != nil {
		return false // what packs it says so
	}
	defer f.Close()
	return slices.ContainsFunc(f.Sections, func(s *elf.Section) bool { return s.Name == ".debug_info" || s.Name == ".zdebug_info" })
}
