package licenses

import (
	"fmt"
	"slices"
	"strings"
)

// phrases tell a licence by words that no other has; the first that fits counts.
var phrases = []struct{ id, phrase string }{
	{"Apache-2.0", "Apache License"},
	{"MPL-2.0", "Mozilla Public License Version 2.0"},
	{"EPL-2.0", "Eclipse Public License - v 2.0"},
	{"MIT", "Permission is hereby granted, free of charge, to any person"},
	{"BSD-3-Clause", "to endorse or promote products derived from"},
	{"BSD-2-Clause", "Redistribution and use in source and binary forms"},
	{"ISC", "Permission to use, copy, modify, and/or distribute this software"},
}

// Modules says what SPDX calls the licences of the Go modules that are linked, by the modules' paths. A module that holds
// code under several has all of them, joined by AND; texts that are no licences, such as notices, are left out.
func Modules() (map[string]string, error) {
	text, err := texts.ReadFile("texts/go-modules.txt")
	if err != nil {
		return nil, fmt.Errorf("reading the licences of the Go modules: %w", err)
	}
	found := map[string][]string{}
	var modules []string
	var body strings.Builder
	note := func() {
		for _, m := range modules {
			if id := identify(body.String()); id != "" && !slices.Contains(found[m], id) {
				found[m] = append(found[m], id)
			}
		}
		body.Reset()
	}
	for line := range strings.Lines(string(text)) {
		heading, ok := strings.CutPrefix(line, "==== ")
		if !ok {
			body.WriteString(line)
			continue
		}
		if strings.TrimSpace(body.String()) != "" {
			note()
			modules = nil
		}
		path, _, _ := strings.Cut(heading, " ")
		modules = append(modules, path)
	}
	note()
	return joined(found), nil
}

func joined(found map[string][]string) map[string]string {
	all := map[string]string{}
	for module, ids := range found {
		slices.Sort(ids)
		all[module] = strings.Join(ids, " AND ")
	}
	return all
}

// identify gives a text's licence, or "".
func identify(text string) string {
	flat := strings.Join(strings.Fields(text), " ")
	for _, p := range phrases {
		if strings.Contains(flat, p.phrase) {
			return p.id
		}
	}
	return ""
}

// Component is something in the binary that was not written in Go.
type Component struct {
	Name, Version, Licence string
}

// Components are those of every binary that can analyse pictures. Versions are those of package.json and of Debian's
// libturbojpeg, whose licence names the version; a test compares them.
func Components() []Component {
	return []Component{
		{"@mediapipe/pose", "0.5.1675469404", "Apache-2.0"},
		{"ONNX Runtime", "1.30.0", "MIT"},
		{"libjpeg-turbo", "2.1.5", "IJG AND BSD-3-Clause AND Zlib"},
	}
}
