package cli

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"plumbline/internal/cluster/kube"
)

// pinManifest gives the ScaledJobs of a manifest one node and a gradual rollout. All else stays as it is written, comments,
// order, blank lines and the way lines end among it; only the entries affinity and rollout are written anew.
func pinManifest(text []byte, node string) ([]byte, error) {
	crlf := []byte("\r\n")
	if n := bytes.Count(text, crlf); n == 0 || n != bytes.Count(text, crlf[1:]) {
		return pinText(text, node)
	}
	out, err := pinText(bytes.ReplaceAll(text, crlf, crlf[1:]), node)
	return bytes.ReplaceAll(out, crlf[1:], crlf), err
}

func pinText(text []byte, node string) ([]byte, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, fmt.Errorf("reading YAML: %w", err)
	}
	var jobs []*ast.MappingNode
	for _, d := range file.Docs {
		jobs = append(jobs, scaledJobs(d.Body)...)
	}
	if len(jobs) == 0 {
		return nil, errors.New("there is no ScaledJob in it")
	}
	lines := strings.SplitAfter(string(text), "\n")
	for _, job := range slices.Backward(jobs) { // from the end, so that line numbers before stay true
		if lines, err = pinDocument(lines, job, node); err != nil {
			return nil, err
		}
	}
	out := []byte(strings.Join(lines, ""))
	return out, samePinned(text, out, node)
}

// scaledJobs are a document, if it is one, or those of a List, as kubectl get prints several.
func scaledJobs(document ast.Node) (all []*ast.MappingNode) {
	m, ok := document.(*ast.MappingNode)
	if !ok {
		return nil
	}
	switch scalarAt(m, "kind") {
	case "ScaledJob":
		return []*ast.MappingNode{m}
	case "List":
		if items := entry(m, "items"); items != nil {
			if list, ok := items.Value.(*ast.SequenceNode); ok {
				for _, item := range list.Values {
					all = append(all, scaledJobs(item)...)
				}
			}
		}
	}
	return all
}

// scaledJobsOf are the same, parsed.
func scaledJobsOf(o map[string]any) (all []map[string]any) {
	switch o["kind"] {
	case "ScaledJob":
		return []map[string]any{o}
	case "List":
		items, _ := o["items"].([]any)
		for _, item := range items {
			if m, ok := item.(map[string]any); ok {
				all = append(all, scaledJobsOf(m)...)
			}
		}
	}
	return all
}

func pinDocument(lines []string, document *ast.MappingNode, node string) ([]string, error) {
	spec, err := mappingAt(document, "spec")
	if err != nil {
		return nil, err
	}
	pod, err := mappingAt(spec, "jobTargetRef", "template", "spec")
	if err != nil {
		return nil, err
	}
	var wanted map[string]any
	if err := decodeNode(document, &wanted); err != nil {
		return nil, err
	}
	if err := pinObject(wanted, node); err != nil {
		return nil, err
	}
	affinity, rollout := at(wanted, "spec", "jobTargetRef", "template", "spec")["affinity"], at(wanted, "spec")["rollout"]
	edits := []edit{{pod, "affinity", affinity}, {spec, "rollout", rollout}, {spec, "rolloutStrategy", nil}}
	return applyEdits(lines, edits)
}

// pinObject does to the parsed manifest what is done to its text.
func pinObject(o map[string]any, node string) error {
	pod := at(o, "spec", "jobTargetRef", "template", "spec")
	gates, _ := pod["schedulingGates"].([]any)
	for _, g := range gates {
		if g, ok := g.(map[string]any); ok && g["name"] == kube.Gate {
			return fmt.Errorf("its pods carry the gate %s: they are placed one by one, and a node in the template would be in the way", kube.Gate)
		}
	}
	before, _ := pod["affinity"].(map[string]any)
	after, err := kube.PinAffinity(before, node)
	if err != nil {
		return err
	}
	pod["affinity"] = after
	spec := at(o, "spec")
	rollout, _ := spec["rollout"].(map[string]any)
	if rollout == nil {
		rollout = map[string]any{}
	}
	rollout["strategy"] = "gradual"
	spec["rollout"] = rollout
	delete(spec, "rolloutStrategy") // deprecated, and KEDA prefers it
	return nil
}

// samePinned compares what the two texts mean: a layout that the edits did not understand is found out here.
func samePinned(before, after []byte, node string) error {
	want, err := decodeAll(before)
	if err != nil {
		return err
	}
	for _, o := range want {
		for _, job := range scaledJobsOf(o) {
			if err := pinObject(job, node); err != nil {
				return err
			}
		}
	}
	got, err := decodeAll(after)
	if err != nil || !sameMeaning(want, got) {
		return errors.New("it is written in a layout that can't be patched without writing it anew; write spec, template and affinity as blocks, a key a line")
	}
	return nil
}

func sameMeaning(a, b any) bool {
	x, errX := yaml.MarshalWithOptions(a, yaml.JSON())
	y, errY := yaml.MarshalWithOptions(b, yaml.JSON())
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func decodeAll(text []byte) ([]map[string]any, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, err
	}
	var all []map[string]any
	for _, d := range file.Docs {
		if d.Body == nil {
			continue
		}
		var o map[string]any
		if err := decodeNode(d.Body, &o); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

func decodeNode(n ast.Node, to *map[string]any) error {
	if err := yaml.NodeToValue(n, to); err != nil {
		return fmt.Errorf("reading YAML: %w", err)
	}
	return nil
}

func at(o map[string]any, path ...string) map[string]any {
	for _, key := range path {
		o, _ = o[key].(map[string]any)
	}
	return o
}

func scalarAt(m *ast.MappingNode, key string) string {
	if v := entry(m, key); v != nil {
		return v.Value.GetToken().Value
	}
	return ""
}

func entry(m *ast.MappingNode, key string) *ast.MappingValueNode {
	for _, v := range m.Values {
		if v.Key.GetToken().Value == key {
			return v
		}
	}
	return nil
}

func mappingAt(m *ast.MappingNode, path ...string) (*ast.MappingNode, error) {
	for i, key := range path {
		v := entry(m, key)
		if v == nil {
			return nil, fmt.Errorf("the ScaledJob has no %s", strings.Join(path[:i+1], "."))
		}
		next, ok := v.Value.(*ast.MappingNode)
		if !ok || len(next.Values) == 0 || next.IsFlowStyle {
			return nil, fmt.Errorf("%s is not written as a block, a key a line, and can't be patched", strings.Join(path[:i+1], "."))
		}
		m = next
	}
	return m, nil
}
