package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
)

const composeFolder = "../../deploy/compose"

// loadCompose reads docker-compose.yml as docker compose does, with these variables.
func loadCompose(t *testing.T, environment map[string]string) (*types.Project, error) {
	t.Helper()
	return loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  composeFolder,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(composeFolder, "docker-compose.yml")}},
		Environment: environment,
	}, func(o *loader.Options) { o.SetProjectName("plumbline", true) })
}

func compose(t *testing.T) *types.Project {
	t.Helper()
	p, err := loadCompose(t, map[string]string{"PLUMBLINE_IMAGE": "plumbline:1"})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Services) < 7 {
		t.Fatalf("only %d services", len(p.Services))
	}
	return p
}

func TestComposeAsksForTheImage(t *testing.T) {
	if _, err := loadCompose(t, nil); err == nil || !strings.Contains(err.Error(), "PLUMBLINE_IMAGE") {
		t.Errorf("without a name for our image: %v", err)
	}
}

// Every flag and variable of our own services is one that the command line knows, with a value that it takes.
func TestComposeUsesFlagsThatExist(t *testing.T) {
	others := []string{"PGPASSFILE"} // of every PostgreSQL client
	ours := 0
	for name, s := range compose(t).Services {
		if s.Image != "plumbline:1" {
			continue
		}
		ours++
		parser, err := newParser(context.Background(), new(grammar), &Process{Stdout: io.Discard, Stderr: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		command, err := parser.Parse(s.Command)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		known := slices.Clone(others)
		for _, flag := range command.Flags() {
			known = append(known, flag.Envs...)
		}
		for variable := range s.Environment {
			if !slices.Contains(known, variable) {
				t.Errorf("%s: plumbline %s knows no variable %s", name, s.Command[0], variable)
			}
		}
		check := s.HealthCheck.Test
		if len(check) < 2 || check[0] != "CMD" || check[1] != "/usr/local/bin/plumbline" {
			t.Errorf("%s: the health check is %q", name, check)
		} else if _, err := parser.Parse(check[2:]); err != nil {
			t.Errorf("%s: its health check: %v", name, err)
		}
	}
	if ours != 2 {
		t.Errorf("%d services of ours, want hub and worker", ours)
	}
}

// Nothing is published beyond this machine unless asked for, every image has a version, secrets are files, and whoever stays
// says whether it is well.
func TestComposeIsCareful(t *testing.T) {
	for name, s := range compose(t).Services {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s on %q", name, port.Published, port.HostIP)
			}
		}
		if !regexp.MustCompile(`^[a-z/-]+:v?[0-9][0-9.]*$`).MatchString(s.Image) {
			t.Errorf("%s: the image %s has no version", name, s.Image)
		}
		for variable, value := range s.Environment {
			if strings.Contains(variable, "PASSWORD") && (value == nil || !strings.HasPrefix(*value, "/run/secrets/")) {
				t.Errorf("%s: %s is no file among the secrets", name, variable)
			}
		}
		if name != "folders" && (s.HealthCheck == nil || s.Restart != "unless-stopped") {
			t.Errorf("%s has no health check, or does not start again", name)
		}
	}
	worker := compose(t).Services["worker"]
	if n := worker.GetScale(); n != 2 {
		t.Errorf("%d workers", n)
	}
}

// What the services mount lies in the repository; the secrets are what the script makes, and making them again changes none.
func TestComposeFindsItsFiles(t *testing.T) {
	p := compose(t)
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			if _, err := os.Stat(v.Source); v.Type == types.VolumeTypeBind && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	folder := secretsFolder(t)
	first := makeSecrets(t, folder)
	for name, s := range p.Secrets {
		if strings.TrimSpace(first[filepath.Base(s.File)]) == "" {
			t.Errorf("secrets.sh makes no %s (%s)", name, s.File)
		}
	}
	again := makeSecrets(t, folder, "pi1")
	if again["mqtt_password"] != first["mqtt_password"] || again["mqtt_accounts"] != first["mqtt_accounts"]+"pi1:"+again["mqtt_camera_pi1"] {
		t.Errorf("a camera more made of %q %q", first, again)
	}
	if first["pgpass"] != "postgres:5432:plumbline:plumbline:"+first["postgres_password"] || first["mqtt_accounts"] != "plumbline:"+first["mqtt_password"] {
		t.Errorf("the secrets do not fit together: %q", first)
	}
}

// secretsFolder has the script in it, and no secrets yet.
func secretsFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	script, err := os.ReadFile(filepath.Join(composeFolder, "secrets.sh"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "secrets.sh"), script, 0o700); err != nil {
		t.Fatal(err)
	}
	return folder
}

// A camera's name is what it says, and no pattern: each gets an account, with the password that is written down for it.
func TestComposeSecretsTakeNamesLiterally(t *testing.T) {
	made := makeSecrets(t, secretsFolder(t), "cam1", "cam.", "1e1", "10", "cam1")
	want := "plumbline:" + made["mqtt_password"]
	for _, camera := range []string{"cam1", "cam.", "1e1", "10"} {
		want += camera + ":" + made["mqtt_camera_"+camera]
	}
	if diff := cmp.Diff(want, made["mqtt_accounts"]); diff != "" {
		t.Errorf("the accounts (-want +made):\n%s", diff)
	}
}

// A name that broker or hub would not take, or that is the hub's own, is refused with a word before anything is made.
func TestComposeSecretsRefuseWhatNobodyTakes(t *testing.T) {
	folder := secretsFolder(t)
	for name, c := range map[string]struct{ camera, want string }{
		"the hub's": {"plumbline", "is the hub's"}, "empty": {"", "not ''"}, "hidden": {".cam", "not '.cam'"}, "an option": {"-h", "not '-h'"},
		"a topic": {"a/b", "not 'a/b'"}, "a wildcard": {"+", "not '+'"}, "two fields": {"a:b", "not 'a:b'"}, "two lines": {"a\nb", "not 'a"},
		"another script": {"é", "not 'é'"}, "too long": {strings.Repeat("a", 129), "at most 128"},
	} {
		out, err := exec.CommandContext(t.Context(), filepath.Join(folder, "secrets.sh"), "pi1", c.camera).CombinedOutput()
		var ended *exec.ExitError
		if !errors.As(err, &ended) || ended.ExitCode() != 2 || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "secrets")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was made all the same: %v", err)
	}
}

func makeSecrets(t *testing.T, folder string, cameras ...string) map[string]string {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), filepath.Join(folder, "secrets.sh"), cameras...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	made := map[string]string{}
	files, err := filepath.Glob(filepath.Join(folder, "secrets", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		made[filepath.Base(f)] = string(text)
	}
	return made
}

func TestComposePrometheusConfiguration(t *testing.T) {
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatalf("no promtool on this machine (Debian: apt-get install prometheus): %v", err)
	}
	if out, err := exec.CommandContext(t.Context(), program, "check", "config", "--syntax-only", filepath.Join(composeFolder, "prometheus.yml")).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
