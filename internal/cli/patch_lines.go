package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// edit writes one entry of a mapping anew; a nil value takes it out.
type edit struct {
	in    *ast.MappingNode
	key   string
	value any
}

// splice replaces lines [from, to) by text.
type splice struct {
	from, to int
	text     string
}

func applyEdits(lines []string, edits []edit) ([]string, error) {
	var all []splice
	for _, e := range edits {
		s, err := e.splice(lines)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b splice) int { return cmp.Compare(b.from, a.from) })
	for _, s := range all {
		lines = slices.Replace(slices.Clone(lines), s.from, s.to, s.text)
	}
	return lines, nil
}

func (e edit) splice(lines []string) (splice, error) {
	first := e.in.Values[0].Key.GetToken().Position
	indent := first.Column - 1
	text, err := e.render(indent)
	if err != nil {
		return splice{}, err
	}
	if there := entry(e.in, e.key); there != nil {
		from := there.Key.GetToken().Position.Line - 1
		return splice{from, endOfEntry(lines, from, indent), text}, nil
	}
	from := first.Line - 1
	for from > 0 && isComment(lines[from-1]) && indentOf(lines[from-1]) == indent { // they are of the first entry
		from--
	}
	return splice{from, from, text}, nil
}

func (e edit) render(indent int) (string, error) {
	if e.value == nil {
		return "", nil
	}
	text, err := yaml.MarshalWithOptions(map[string]any{e.key: e.value}, yaml.Indent(2))
	if err != nil {
		return "", fmt.Errorf("writing %s: %w", e.key, err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		out.WriteString(strings.Repeat(" ", indent) + line)
	}
	return out.String(), nil
}

// endOfEntry is the first line after an entry. Deeper lines belong to it, and a list or a closing bracket at its own depth;
// blank lines and comments before the next entry are of that one.
func endOfEntry(lines []string, from, indent int) int {
	end := from + 1
	for i := end; i < len(lines); i++ {
		text := strings.TrimSpace(lines[i])
		depth := indentOf(lines[i])
		switch {
		case text == "" || isComment(lines[i]) && depth <= indent:
		case depth > indent || depth == indent && strings.ContainsAny(text[:1], "-]}") && text != "---":
			end = i + 1
		default:
			return end
		}
	}
	return end
}

func isComment(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "#") }

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
