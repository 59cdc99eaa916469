package main

import (
	"bytes"
	"os"
	"testing"
)

// The table of the study and its picture are those of the code as it is; the other table takes minutes.
func TestPageIsUpToDate(t *testing.T) {
	table, svg, err := predicted()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/placement.md")
	if err != nil {
		t.Fatal(err)
	}
	if fresh, err := replaceSection(page, "predicted", table); err != nil || !bytes.Equal(fresh, page) {
		t.Errorf("docs/placement.md is not what the code predicts (%v): run make placement-study", err)
	}
	if drawn, err := os.ReadFile("../../docs/placement.svg"); err != nil || !bytes.Equal(drawn, svg) {
		t.Errorf("docs/placement.svg is not what the code draws (%v): run make placement-study", err)
	}
}
