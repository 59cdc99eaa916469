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
