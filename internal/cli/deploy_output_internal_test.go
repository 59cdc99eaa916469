package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateDeployed = flag.Bool("update-deploy", false, "write deploy/helm and deploy/kustomize anew; look at the difference before you keep it")

// keptDeployed are the commands that made what lies in deploy; the version is nobody's.
var keptDeployed = map[string]string{
	"../../deploy/helm/plumbline": "--output helm:DIR",
	"../../deploy/kustomize":      "--output kustomize:DIR --image plumbline --prometheus http://prometheus.monitoring:9090 --mqtt-url mqtt://mosquitto.mqtt:1883",
}

func TestChartAndBaseAreThoseThatWereLookedAt(t *testing.T) {
	for kept, flags := range keptDeployed {
		if *updateDeployed {
			if err := os.RemoveAll(kept); err != nil {
				t.Fatal(err)
			}
			deployTo(t, kept, flags)
		}
		made := filepath.Join(t.TempDir(), "made")
		deployTo(t, made, flags)
		if diff := cmp.Diff(folder(t, kept), folder(t, made)); diff != "" {
			t.Errorf("%s (-kept +now; look at it, then: go test ./internal/cli -run ChartAndBase -update-deploy):\n%s", kept, diff)
		}
	}
}

func deployTo(t *testing.T, dir, flags string) {
	t.Helper()
	args := strings.Fields("deploy " + strings.ReplaceAll(flags, "DIR", dir))
	g := parsed(t, args...)
	if err := g.Deploy.Run(t.Context(), &Process{Name: "plumbline", Args: args, Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, Version: "0.0.0"}); err != nil {
		t.Fatal(err)
	}
}

func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A folder with what this version would not write is left alone: it may be another version's object, and would be applied with the rest.
func TestAFolderWithOtherThingsIsNotWrittenTo(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old-object.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := writeFolder(dir, map[string][]byte{"new-object.yaml": nil})
	if err == nil || !strings.Contains(err.Error(), "old-object.yaml") {
		t.Errorf("the error is %v", err)
	}
	if files := folder(t, dir); len(files) != 1 {
		t.Errorf("there is %v now", files)
	}
}
