// Package wording puts counts, lists and errors into sentences for people. It knows English, and of nouns those whose plural takes an s; it
// refuses to guess any other.
package wording

import (
	"fmt"
	"strings"
)

// Count is a number of things: 1 picture, 2 pictures.
func Count[N int | int64](n N, noun string) string {
	return fmt.Sprintf("%d %s", n, Agree(n, noun, noun+"s"))
}

// Agree gives the form that goes with the number: of a verb (waits, wait), or of a noun that takes no s.
func Agree[N int | int64](n N, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// List names the first of many, and counts the others: a, b and 3 more.
func List(names []string, most int) string {
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// OneLine is an error for tables, Events and logs, which show the first of several lines only: joined errors have a line each.
func OneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
