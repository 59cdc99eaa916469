package licenses_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"plumbline/internal/licenses"
)

func TestWritePrintsEveryNotice(t *testing.T) {
	text := written(t)
	for name, phrase := range map[string]string{
		"the models":              "The MediaPipe Authors",
		"the models' licence":     "Apache License",
		"ONNX Runtime":            "Copyright (c) Microsoft Corporation",
		"what ONNX Runtime holds": "THIRD PARTY SOFTWARE NOTICES AND INFORMATION",
		"IJG, as it asks for":     "based in part on the work of the Independent JPEG Group",
		"libjpeg-turbo's SIMD":    "MIYASAKA Masaru",
		"Go":                      "The Go Authors",
	} {
		if !strings.Contains(text, phrase) {
			t.Errorf("%s: %q is missing", name, phrase)
		}
	}
}

// A module that is linked but not named needs `make licenses`.
func TestEveryLinkedModuleIsNamed(t *testing.T) {
	// Reading go.mod makes the test's cached result depend on it.
	if _, err := os.ReadFile("../../go.mod"); err != nil {
		t.Fatal(err)
	}
	list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "../..")
	list.Stderr = os.Stderr
	modules, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	text := written(t)
	for module := range strings.Lines(string(modules)) {
		if module = strings.TrimSpace(module); module != "" && !strings.Contains(text, "==== "+module+"\n") {
			t.Errorf("%s is linked but has no notice: run `make licenses`", module)
		}
	}
}

func written(t *testing.T) string {
	t.Helper()
	var text bytes.Buffer
	if err := licenses.Write(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// Each linked module's licence is known by its name; a new kind of licence needs a phrase of its own.
func TestEveryModulesLicenceHasAName(t *testing.T) {
	modules, err := licenses.Modules()
	if err != nil {
		t.Fatal(err)
	}
	for heading := range strings.Lines(written(t)) {
		rest, ok := strings.CutPrefix(heading, "==== ") // and path and version, where it is a module
		path, _, _ := strings.Cut(rest, " ")
		if ok && strings.Count(heading, " ") == 2 && modules[path] == "" {
			t.Errorf("the licence of %s has no name", path)
		}
	}
	for module, want := range map[string]string{
		"github.com/alecthomas/kong": "MIT", "github.com/nats-io/nats.go": "Apache-2.0", "golang.org/x/sys": "BSD-3-Clause",
		"github.com/eclipse/paho.golang": "EPL-2.0", "github.com/prometheus/client_golang": "Apache-2.0 AND BSD-3-Clause",
	} {
		if modules[module] != want {
			t.Errorf("%s is under %q, want %q", module, modules[module], want)
		}
	}
}

func TestComponentsHaveTheVersionsThatAreBuiltIn(t *testing.T) {
	npm, err := os.ReadFile("../../package.json")
	if err != nil {
		t.Fatal(err)
	}
	versions := string(npm) + written(t)
	for _, c := range licenses.Components() {
		if !strings.Contains(versions, `": "`+c.Version+`"`) && !strings.Contains(versions, c.Name+" "+c.Version) {
			t.Errorf("%s is listed with the version %s", c.Name, c.Version)
		}
	}
}
