package helm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"plumbline/internal/cluster/manifest"
)

// Chart gives the files of a chart that deploys, with no values set, what the options say; dashboard and alerts are in it whether or
// not the options want them.
func Chart(o manifest.Options, dashboard, alerts []byte) (map[string][]byte, error) {
	files, err := templates(alerts)
	if err != nil {
		return nil, fmt.Errorf("making the chart's templates: %w", err)
	}
	files["Chart.yaml"] = fmt.Appendf(nil, chartFile, chartVersion(o.Version), o.Version)
	if files["values.yaml"], files["values.schema.json"], err = settings(&o); err != nil {
		return nil, fmt.Errorf("writing the chart's values: %w", err)
	}
	files["dashboard.json"] = dashboard
	files["templates/check.yaml"] = []byte(check)
	files["templates/NOTES.txt"] = []byte(notes)
	return files, nil
}

const chartFile = `# Made by plumbline deploy --output helm:DIR; change the manifests, not this.
apiVersion: v2
name: plumbline
description: Measures how people sit and stand, with workers on the least busy GPU of a cluster
type: application
version: %s
appVersion: %q
kubeVersion: ">= 1.27.0-0"
`

// templates are the objects, a file each, as every variant changes them.
func templates(alerts []byte) (map[string][]byte, error) {
	before, err := documents(marked(alerts))
	if err != nil {
		return nil, err
	}
	all := grow(before)
	for _, v := range variants() {
		o := marked(alerts)
		v.set(&o)
		after, err := documents(o)
		if err != nil {
			return nil, fmt.Errorf("under %s: %w", v.when, err)
		}
		if err := all.differ(before, after, v.when); err != nil {
			return nil, err
		}
	}
	files := map[string][]byte{}
	for _, e := range all.entries {
		begin, end := conditions(e.when, "")
		files["templates/"+fileName(e.raw)] = []byte(begin + e.text("", "") + end)
	}
	return files, nil
}

// documents are the objects as maps, without their namespace, which is Helm's to make.
func documents(o manifest.Options) ([]any, error) {
	objects, err := manifest.Objects(o)
	if err != nil {
		return nil, err
	}
	var all []any
	for _, x := range objects {
		if x.GetObjectKind().GroupVersionKind().Kind == "Namespace" {
			continue
		}
		fields, err := manifest.Fields(x)
		if err != nil {
			return nil, err
		}
		all = append(all, fields)
	}
	return all, nil
}

func fileName(document any) string {
	m, _ := document.(map[string]any)
	meta, _ := m["metadata"].(map[string]any)
	return manifest.FileName(fmt.Sprint(m["kind"]), fmt.Sprint(meta["name"]), "mark-namespace")
}

// settings are values.yaml, and the schema by which Helm refuses a misspelt one.
func settings(o *manifest.Options) (text, schema []byte, err error) {
	var b bytes.Buffer
	b.WriteString("# What can be set. Secrets are not among it: plumbline deploy --secrets-only makes them.\n")
	root := group()
	root.property("global", object{})
	var above []string
	for _, v := range values() {
		parts := strings.Split(v.path, ".")
		groups, name := parts[:len(parts)-1], parts[len(parts)-1]
		for i, g := range groups {
			if !slices.Equal(groups[:i+1], above[:min(i+1, len(above))]) {
				fmt.Fprintf(&b, "%s%s:\n", indentOf(i), g)
			}
		}
		above = groups
		now, err := json.Marshal(v.now(o))
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", v.path, err)
		}
		if v.comment != "" {
			fmt.Fprintf(&b, "%s# %s\n", indentOf(len(groups)), v.comment)
		}
		fmt.Fprintf(&b, "%s%s: %s\n", indentOf(len(groups)), name, now)
		root.below(groups).property(name, object{"type": typeOf(now)})
	}
	schema, err = json.MarshalIndent(root, "", "  ")
	return b.Bytes(), append(schema, '\n'), err
}

func indentOf(depth int) string { return strings.Repeat("  ", depth) }

// object is one of a JSON schema.
type object map[string]any

// group is the schema of a map that has the fields which are added to it, and no others.
func group() object {
	return object{"type": "object", "additionalProperties": false, "properties": object{}}
}

func (o object) property(name string, schema object) {
	properties, _ := o["properties"].(object)
	properties[name] = schema
}

// below gives the schema of a group, and makes it where there is none.
func (o object) below(groups []string) object {
	for _, g := range groups {
		properties, _ := o["properties"].(object)
		next, ok := properties[g].(object)
		if !ok {
			next = group()
			properties[g] = next
		}
		o = next
	}
	return o
}

func typeOf(value []byte) string {
	switch value[0] {
	case '"':
		return "string"
	case '[':
		return "array"
	case '{':
		return "object"
	case 't', 'f':
		return "boolean"
	}
	return "integer"
}
