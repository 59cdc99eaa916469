package cli

import (
	"regexp"
	"strings"
)

// plainWord is what a shell takes as one word as it stands.
var plainWord = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// hint is a command line of this program that can be copied as it stands: the program is named as it was called.
func (p *Process) hint(arguments string) string {
	name := p.Name
	switch {
	case name == "":
		name = "plumbline"
	case !plainWord.MatchString(name):
		name = "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name + " " + arguments
}
