package main

import (
	_ "embed" // for the report's template
	"fmt"
	"os"
	"strings"
	"time"
)

//go:embed template.md
var template string

// report is a finished run.
type report struct {
	machine  string
	cores    int
	pictures string
	figures  []figure
	stages   map[size][]stage
}

// table is the Markdown table: medians, with the smallest and largest of several rounds in brackets.
func (r report) table() string {
	var t strings.Builder
	t.WriteString("| what | Python | Plumbline | times better | wanted |\n|---|---|---|---|---|\n")
	for _, f := range r.figures {
		t.WriteString(f.row())
	}
	return t.String()
}

// stageTable says where our milliseconds go.
func (r report) stageTable() string {
	var t strings.Builder
	t.WriteString("| step | " + small.String() + ", ms | " + large.String() + ", ms |\n|---|---|---|\n")
	for i, s := range r.stages[small] {
		if i < len(r.stages[large]) {
			fmt.Fprintf(&t, "| %s | %s | %s |\n", s.name, digits(s.milliseconds), digits(r.stages[large][i].milliseconds))
		}
	}
	return t.String()
}

// write makes the report of one run out of its template.
func (r report) write(file string) error {
	text := strings.NewReplacer(
		"{{date}}", time.Now().UTC().Format(time.DateOnly),
		"{{machine}}", fmt.Sprintf("%s, %d cores", r.machine, r.cores),
		"{{pictures}}", r.pictures,
		"{{table}}", strings.TrimSpace(r.table()),
		"{{stages}}", strings.TrimSpace(r.stageTable()),
	).Replace(template)
	return os.WriteFile(file, []byte(text), 0o644)
}
