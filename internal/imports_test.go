// Package internal_test holds the house rules on imports: the folder list is the architecture, and this test keeps it so.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// words may import nothing but the standard library.
var words = []string{"gpu", "ledger", "posture", "wording"}

// steps never import each other; each may import the words and what lies below itself.
var steps = []string{
	"cluster/placement",
	"album", "blazepose", "bundle", "cluster/exporter", "cluster/prom", "cluster/hubapi", "cluster/scaler", "datadir", "frame", "line", "mqtt/announce", "mqtt/broker", "mqtt/device", "mqtt/ingest", "mqtt/outside", "mqtt/users",
	"cluster/image", "cluster/manifest", "cluster/preflight", "cluster/stop",
	"queue", "record", "simulate", "sketch", "store", "web",
}

// doors are the only packages that may import a third party's technology.
var doors = map[string][]string{
	"github.com/nats-io/":              {"queue"},
	"github.com/mochi-mqtt/":           {"mqtt/broker"},
	"github.com/eclipse/":              {"mqtt/device", "mqtt/outside"},
	"github.com/gorilla/websocket":     {"mqtt/ws"},
	"github.com/yalue/onnxruntime_go":  {"blazepose/ort"},
	"github.com/jackc/pgx":             {"store/postgres"},
	"modernc.org/sqlite":               {"store/sqlite"},
	"github.com/alecthomas/kong":       {"cli"},
	"github.com/goccy/go-yaml":         {"cli"},
	"github.com/schollz/progressbar":   {"cli"},
	"golang.org/x/crypto/":             {"mqtt/users"},
	"k8s.io/api/":                      {"cluster/kube", "cluster/manifest", "cluster/manifest/helm"},
	"k8s.io/apimachinery/":             {"cluster/kube", "cluster/manifest"},
	"k8s.io/client-go/":                {"cluster/kube"},
	"k8s.io/component-helpers/":        {"cluster/kube"},
	"k8s.io/klog/":                     {"cluster/kube"},
	"google.golang.org/":               {"cluster/scaler", "cluster/scaler/externalscaler"},
	"plumbline/internal/config":        {"cli"},
	"plumbline/internal/cli":           {},
	"github.com/rogpeppe/go-internal/": {"cluster/rollout"}, // its diff; the rest is for tests

	"github.com/google/go-containerregistry/": {"cluster/image"},
	"sigs.k8s.io/yaml":                        {"cluster/manifest", "cluster/rollout"},
}

// dependency is one import of a production file: package and imported path, both as written.
type dependency struct{ from, to, file string }

func TestImportsFollowTheHouse(t *testing.T) {
	all := dependencies(t)
	if len(all) < 100 {
		t.Fatalf("only %d imports found: the test no longer reads the tree", len(all))
	}
	for _, d := range all {
		for _, complaint := range []string{wordsComplaint(d), stepComplaint(d), doorComplaint(d)} {
			if complaint != "" {
				t.Errorf("%s: %s", d.file, complaint)
			}
		}
	}
}

func TestEveryStepExists(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range dependencies(t) {
		seen[d.from] = true
	}
	for _, name := range append(append([]string{}, words...), steps...) {
		if !seen[name] {
			t.Errorf("%s is named in the rules, but no such package is there", name)
		}
	}
}

func TestRulesCatchForbiddenImports(t *testing.T) {
	for name, d := range map[string]dependency{
		"words with a library":     {from: "posture", to: "github.com/google/go-cmp/cmp"},
		"words with a step":        {from: "posture", to: "plumbline/internal/frame"},
		"sibling":                  {from: "queue", to: "plumbline/internal/store"},
		"sibling's inside":         {from: "web", to: "plumbline/internal/store/sqlite"},
		"NATS outside its door":    {from: "line", to: "github.com/nats-io/nats.go"},
		"configuration in a step":  {from: "frame", to: "plumbline/internal/config"},
		"mochi in another of MQTT": {from: "mqtt/ingest", to: "github.com/mochi-mqtt/server/v2"},
	} {
		if wordsComplaint(d)+stepComplaint(d)+doorComplaint(d) == "" {
			t.Errorf("%s: %s may import %s", name, d.from, d.to)
		}
	}
}

func wordsComplaint(d dependency) string {
	for _, w := range words {
		if d.from == w && strings.Contains(strings.SplitN(d.to, "/", 2)[0], ".") || d.from == w && strings.HasPrefix(d.to, "plumbline/") {
			return "the words import nothing but the standard library, not " + d.to
		}
	}
	return ""
}

func stepComplaint(d dependency) string {
	from, to := stepOf(d.from), stepOf(strings.TrimPrefix(d.to, "plumbline/internal/"))
	if strings.HasPrefix(d.to, "plumbline/internal/") && from != "" && to != "" && from != to {
		return from + " imports its sibling " + to + "; siblings meet in internal/cli only"
	}
	return ""
}

// stepOf gives the step that a package belongs to, or "".
func stepOf(pkg string) string {
	for _, s := range steps {
		if pkg == s || strings.HasPrefix(pkg, s+"/") {
			return s
		}
	}
	return ""
}

func doorComplaint(d dependency) string {
	for prefix, allowed := range doors {
		if !strings.HasPrefix(d.to, prefix) {
			continue
		}
		for _, door := range allowed {
			if d.from == door {
				return ""
			}
		}
		return d.to + " may be imported only by " + strings.Join(allowed, ", ")
	}
	return ""
}

// dependencies reads the imports of every production file below internal, in this process, so that the test cache
// notices a changed file.
func dependencies(t *testing.T) []dependency {
	t.Helper()
	var all []dependency
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || path == "testkit") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			all = append(all, dependency{from: filepath.ToSlash(filepath.Dir(path)), to: strings.Trim(i.Path.Value, `"`), file: path})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
