package cli

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
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

// hintIn is such a command line for the same cluster and namespace.
func (p *Process) hintIn(arguments, namespace, context, kubeconfig string) string {
	for _, f := range []struct{ flag, value, usual string }{{"namespace", namespace, "plumbline"}, {"context", context, ""}, {"kubeconfig", kubeconfig, ""}} {
		if f.value != f.usual {
			arguments += " --" + f.flag + " " + f.value
		}
	}
	return p.hint(arguments)
}

// helpOf are the arguments that show the flags of the command that was meant, as far as a refused command line tells it.
func helpOf(args []string, err error) string {
	var refused *kong.ParseError
	if !errors.As(err, &refused) || refused.Context == nil {
		return "--help"
	}
	words := ""
	for _, p := range refused.Context.Path {
		if p.Command == nil {
			continue
		}
		words = p.Command.Path() + " "
		if run := p.Command.DefaultCmd; run != nil {
			words = run.Path() + " "
		}
	}
	if words == "doctor " && slices.Contains(args, clusterFlag) {
		words += clusterFlag + " "
	}
	return words + "--help"
}
