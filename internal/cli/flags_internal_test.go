package cli

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/image"
)

var updateFlags = flag.Bool("update-flags", false, "write docs/flags.md anew; look at the difference before you keep it")

const flagsPage = "../../docs/flags.md"

// The page of all flags is what the parser itself knows, so that none is missing and none is told wrongly.
func TestEveryFlagIsDocumented(t *testing.T) {
	page := flagsAsPage(t)
	if *updateFlags {
		if err := os.WriteFile(flagsPage, []byte(page), 0o644); err != nil { //nolint:gosec // a page of docs
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(flagsPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(kept), page); diff != "" {
		t.Errorf("docs/flags.md (-kept +now; look at it, then: go test ./internal/cli -run EveryFlag -update-flags):\n%s", diff)
	}
}

const flagsHead = `# Flags

Every flag of every command, as its ` + "`--help`" + ` tells it; a test compares this page with the commands. What they mean together:
[configuration.md](configuration.md), where also the configuration file and the environment are described.

Every command has ` + "`--config FILE`" + `, ` + "`--version`" + ` and ` + "`--help`" + `. Flags marked † are given on the command line or in the configuration file only;
the others also as ` + "`PLUMBLINE_…`" + `.
`

// flagsAsPage tells a flag once and of later commands only its name, where it is the same there.
func flagsAsPage(t *testing.T) string {
	t.Helper()
	told := map[string]string{} // which command told a row
	var page strings.Builder
	page.WriteString(flagsHead)
	for _, args := range [][]string{nil, {"doctor", clusterFlag}} {
		p := &Process{Args: args, Stdout: io.Discard, Stderr: io.Discard}
		parser, err := newParser(t.Context(), &grammar{}, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, leaf := range parser.Model.Leaves(true) {
			command := leaf.Path()
			switch {
			case args == nil:
			case command == "doctor":
				command = strings.Join(args, " ")
			default:
				continue
			}
			page.WriteString(flagsSection(leaf, command, told))
		}
	}
	return page.String()
}

func flagsSection(leaf *kong.Node, command string, told map[string]string) string {
	var rows, from []string
	same := map[string][]string{}
	for n := leaf; n != nil && n.Type != kong.ApplicationNode; n = n.Parent {
		for _, f := range n.Flags {
			row := flagRow(f)
			switch other, known := told[row]; {
			case f.Hidden:
			case !known:
				told[row] = command
				rows = append(rows, row)
			default:
				if same[other] == nil {
					from = append(from, other)
				}
				same[other] = append(same[other], "`--"+f.Name+"`")
			}
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "\n## plumbline %s\n\n", command)
	if len(rows) > 0 {
		fmt.Fprintf(&text, "| flag | default | |\n|---|---|---|\n%s", strings.Join(rows, ""))
	}
	for i, other := range from {
		if i > 0 || len(rows) > 0 {
			text.WriteString("\n")
		}
		fmt.Fprintf(&text, "As of `%s`: %s.\n", other, strings.Join(same[other], ", "))
	}
	if len(rows)+len(from) == 0 {
		text.WriteString("None of its own.\n")
	}
	return text.String()
}

func flagRow(f *kong.Flag) string {
	name := "--" + f.Name
	if f.Tag.Negatable != "" {
		name = "--[no-]" + f.Name
	}
	if !f.IsBool() {
		value := strings.ToUpper(f.Name)
		if f.PlaceHolder != "" {
			value = f.PlaceHolder
		}
		name += "=" + value
	}
	if f.Short != 0 {
		name = "-" + string(f.Short) + ", " + name
	}
	mark, standard := "", ""
	if len(f.Envs) == 0 {
		mark = " †"
	}
	if f.Default != "" {
		standard = "`" + f.Default + "`"
	}
	cell := strings.NewReplacer("|", `\|`, "\n", " ", image.DefaultBase, "distroless' image for C++")
	return fmt.Sprintf("| `%s`%s | %s | %s |\n", cell.Replace(name), mark, cell.Replace(standard), cell.Replace(f.Help))
}
