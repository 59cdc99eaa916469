package cli

import "testing"

func TestHintsCanBeCopied(t *testing.T) {
	for name, want := range map[string]string{
		"":                     "plumbline send",
		"plumbline":            "plumbline send",
		"dist/plumbline":       "dist/plumbline send",
		"./my tools/plumb":     "'./my tools/plumb' send",
		"it's/plumbline":       `'it'\''s/plumbline' send`,
		"/opt/$HOME/plumbline": "'/opt/$HOME/plumbline' send",
	} {
		if got := (&Process{Name: name}).hint("send"); got != want {
			t.Errorf("called as %q: %s, want %s", name, got, want)
		}
	}
}
