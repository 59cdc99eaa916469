package main

import "testing"

func TestTooNew(t *testing.T) {
	for name, c := range map[string]struct {
		version string
		want    bool
	}{
		"older":                   {"GLIBC_2.2.5", false},
		"the limit itself":        {"GLIBC_2.28", false},
		"a patch of the limit":    {"GLIBC_2.28.1", true},
		"newer":                   {"GLIBC_2.34", true},
		"numbers, not letters":    {"GLIBC_2.4", false},
		"glibc's own insides":     {"GLIBC_PRIVATE", true},
		"C++ library":             {"GLIBCXX_3.4.26", true},
		"C++ library, old enough": {"GLIBCXX_3.4.21", false},
		"no version":              {"", false},
		"a family of others":      {"VERS_1.0", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tooNew(c.version); got != c.want {
				t.Errorf("tooNew(%q) = %v", c.version, got)
			}
		})
	}
}
