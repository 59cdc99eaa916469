package helm

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func not(when string) string {
	if inner, ok := strings.CutPrefix(when, "not "); ok {
		return inner
	}
	if strings.Contains(when, " ") {
		when = "(" + when + ")"
	}
	return "not " + when
}

// conditions writes the beginning and the end of what is there only under conditions.
func conditions(all []string, indent string) (begin, end string) {
	if len(all) == 0 {
		return "", ""
	}
	when := all[0]
	if len(all) > 1 {
		when = "and"
		for _, w := range all {
			if strings.Contains(w, " ") {
				w = "(" + w + ")"
			}
			when += " " + w
		}
	}
	return indent + "{{- if " + when + " }}\n", indent + "{{- end }}\n"
}

// text gives a map's fields or a list's items, each on lines of its own, neighbours under one condition together; within is the mark
// that is repeated already.
func (t *tree) text(indent, within string) string {
	var b strings.Builder
	for i, e := range t.entries {
		begin, end := conditions(e.when, indent)
		if i == 0 || !slices.Equal(e.when, t.entries[i-1].when) {
			b.WriteString(begin)
		}
		if t.isMap {
			b.WriteString(e.field(indent, within))
		} else {
			b.WriteString(e.item(indent, within))
		}
		if i == len(t.entries)-1 || !slices.Equal(e.when, t.entries[i+1].when) {
			b.WriteString(end)
		}
	}
	return b.String()
}

// rangeOver writes the beginning of what is there once for each entry of a list or map.
func rangeOver(indent, many string) string {
	return indent + "{{- range $i, $each := " + many + " }}\n"
}

func (e *entry) field(indent, within string) string {
	if many := manyMarks[e.id]; many != "" { // labels and the like: name and value
		return rangeOver(indent, many) + indent + "{{ $i | quote }}: {{ $each | quote }}\n" + indent + "{{- end }}\n"
	}
	if len(e.entries) > 0 {
		return indent + leaf(e.id) + ":\n" + e.text(indent+"  ", within)
	}
	return indent + leaf(e.id) + ": " + e.leaf() + "\n"
}

func (e *entry) item(indent, within string) string {
	many := markIn(e.raw)
	if many == within {
		many = ""
	} else if many != "" {
		within = many
	}
	var text string
	switch {
	case many == wholeMark:
		text = indent + "- {{ $each | toJson }}\n"
	case e.isMap && len(e.entries[0].when) == 0 && len(e.entries) > 0:
		text = indent + "- " + strings.TrimPrefix(e.text(indent+"  ", within), indent+"  ")
	case len(e.entries) > 0:
		text = indent + "-\n" + e.text(indent+"  ", within)
	default:
		text = indent + "- " + e.leaf() + "\n"
	}
	if many == "" {
		return text
	}
	return rangeOver(indent, manyMarks[many]) + text + indent + "{{- end }}\n"
}

// markIn gives the mark of several that stands in an item, in whatever depth of fields; in lists of its own only the account's, which
// a whole container is made for.
func markIn(v any) string {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if mark := markIn(v[key]); mark != "" && manyMarks[key] == "" {
				return mark
			}
		}
	case []any:
		for _, item := range v {
			if mark := markIn(item); mark == accountMark {
				return mark
			}
		}
	case string, float64:
		for mark := range manyMarks {
			if strings.Contains(fmt.Sprint(v), mark) {
				return mark
			}
		}
	}
	return ""
}

func (t *tree) leaf() string {
	text := leaf(t.scalar)
	if t.isMap {
		text = "{}"
	} else if t.isList {
		text = "[]"
	}
	for i := len(t.alternatives) - 1; i >= 0; i-- {
		text = "{{ if " + t.alternatives[i].when + " }}" + leaf(t.alternatives[i].scalar) + "{{ else }}" + text + "{{ end }}"
	}
	return text
}

// leaf writes a scalar, with the template of a value in place of its mark.
func leaf(v any) string {
	if f, ok := v.(float64); ok {
		if template, marked := template(strconv.FormatFloat(f, 'f', -1, 64)); marked {
			return "{{ " + template + " }}"
		}
	}
	s, ok := v.(string)
	if !ok {
		text, _ := json.Marshal(v) // it came out of JSON
		return string(text)
	}
	if template, marked := template(s); marked {
		return "{{ " + template + " | quote }}"
	}
	if strings.Contains(s, "{{") { // a template of somebody else's
		return "{{ " + strconv.Quote(s) + " | quote }}"
	}
	if plain.MatchString(s) && !slices.Contains([]string{"true", "false", "yes", "no", "on", "off", "null", "y", "n"}, strings.ToLower(s)) {
		return s
	}
	text, _ := json.Marshal(s)
	return string(text)
}

// plain are strings that YAML takes for strings without quotes.
var plain = regexp.MustCompile(`^(--)?[A-Za-z/]([A-Za-z0-9_./:=,-]*[A-Za-z0-9/])?$`)

// anyMark finds marks in a text, the longer first.
var anyMark = func() *regexp.Regexp {
	all := append(slices.Collect(maps.Keys(marks)), slices.Collect(maps.Keys(manyMarks))...)
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	for i := range all {
		all[i] = regexp.QuoteMeta(all[i])
	}
	return regexp.MustCompile(strings.Join(all, "|"))
}()

// template gives the expression for a text with marks in it.
func template(s string) (expression string, marked bool) {
	found := anyMark.FindAllStringIndex(s, -1)
	if found == nil {
		return "", false
	}
	format, args, at := "", "", 0
	for _, f := range found {
		value := marks[s[f[0]:f[1]]]
		if value == "" {
			value = "$each"
		}
		format += strings.ReplaceAll(s[at:f[0]], "%", "%%") + "%v"
		args += " " + value
		at = f[1]
	}
	format += strings.ReplaceAll(s[at:], "%", "%%")
	if format == "%v" {
		return strings.TrimSpace(args), true
	}
	return "printf " + strconv.Quote(format) + args, true
}
