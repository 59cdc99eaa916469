//go:build unix

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// twoNodes are a control plane and a worker, as the API lists them.
const twoNodes = `{"kind":"NodeList","apiVersion":"v1","metadata":{},"items":[
{"metadata":{"name":"plane","labels":{"node-role.kubernetes.io/control-plane":""}},"status":{"conditions":[{"type":"Ready","status":"True"}]}},
{"metadata":{"name":"worker"},"status":{"conditions":[{"type":"Ready","status":"True"}]}}]}`

// emptyCluster is an API server with nodes and nothing else, which takes every dry run. It gives the kubeconfig's name.
func emptyCluster(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		group := map[string]int{"api": 2, "apis": 3}[parts[0]] // parts before the kind
		switch {
		case r.URL.Path == "/version":
			fmt.Fprint(w, `{"major":"1","minor":"35","gitVersion":"v1.35.4"}`)
		case r.URL.Query().Has("dryRun"):
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
		case r.URL.Path == "/api/v1/nodes":
			fmt.Fprint(w, twoNodes)
		case r.Method == http.MethodGet && len(parts) > group && (len(parts)-group)%2 == 1:
			fmt.Fprint(w, `{"kind":"List","apiVersion":"v1","metadata":{},"items":[]}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"details":{"name":"it"}}`)
		}
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: c}}], clusters: [{name: c, cluster: {server: %q}}], users: [{name: c, user: {}}]}`, server.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Taints are part of what would change, unless there are to be none.
func TestDeployDiffShowsTaints(t *testing.T) {
	const shown = "+  - effect: NoSchedule\n+    key: plumbline/control-plane\n"
	for name, c := range map[string]struct {
		flags string
		want  bool
	}{"as usual": {"", true}, "without": {" --no-taint", false}} {
		var out, told bytes.Buffer
		g := parsed(t, strings.Fields("deploy --diff --image i --image-pull-policy Never --prometheus http://prometheus:9090 --mqtt-anonymous --kubeconfig "+emptyCluster(t)+c.flags)...)
		err := g.Deploy.Run(t.Context(), &Process{Name: "plumbline", Stdout: &out, Stderr: &told, Version: "test"})
		var ended *exit
		if !errors.As(err, &ended) || ended.code != exitDiffers {
			t.Fatalf("%s: %v %s", name, err, told.String())
		}
		if strings.Contains(out.String(), shown) != c.want || !strings.Contains(out.String(), "+kind: StatefulSet\n") {
			t.Errorf("%s: the taint is shown: %v, in %s", name, !c.want, out.String())
		}
	}
}

// Where nothing is found, a deploy may be under way that has applied nothing.
func TestStopSaysWhatItCannotSee(t *testing.T) {
	var out bytes.Buffer
	g := parsed(t, "stop", "--kubeconfig", emptyCluster(t))
	if err := g.Stop.Run(t.Context(), &Process{Name: "plumbline", Stdout: &out, Stderr: &out}); err != nil {
		t.Fatal(err)
	}
	const want = "Nothing of Plumbline's is in the namespace plumbline. A deploy that has applied nothing yet is not seen: end it where it runs, by Ctrl-C.\n"
	if out.String() != want {
		t.Errorf("it says %q", out.String())
	}
}

// Ctrl-C ends either before anything was done, and says so.
func TestInterruptedBeforeAnything(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := emptyCluster(t)
	g := parsed(t, strings.Fields("deploy --image i --image-pull-policy Never --prometheus http://prometheus:9090 --mqtt-anonymous --kubeconfig "+file)...)
	p := &Process{Name: "plumbline", Stdout: io.Discard, Stderr: io.Discard, Version: "test"}
	if err := g.Deploy.Run(ctx, p); err == nil || err.Error() != "interrupted\nNothing was changed in the cluster" {
		t.Errorf("deploy: %v", err)
	}
	g = parsed(t, "stop", "--kubeconfig", file)
	if err := g.Stop.Run(ctx, p); err == nil || err.Error() != "interrupted: nothing was stopped" {
		t.Errorf("stop: %v", err)
	}
}

// Whoever is asked answers, or ends it by Ctrl-C.
func TestAgreed(t *testing.T) {
	for name, c := range map[string]struct {
		typed string
		want  bool
	}{"yes": {"y\n", true}, "in full": {"Yes\n", true}, "no": {"n\n", false}, "nothing": {"\n", false}, "Ctrl-C": {"", false}} {
		t.Run(name, func(t *testing.T) {
			master, tty, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer master.Close()
			defer tty.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if _, err := master.WriteString(c.typed); err != nil {
				t.Fatal(err)
			}
			if c.typed == "" {
				cancel()
			}
			answer := make(chan bool, 1)
			go func() { answer <- agreed(ctx, &Process{Stdin: tty, Stdout: tty}, "Stop it?") }()
			select {
			case got := <-answer:
				if got != c.want {
					t.Errorf("taken for %v", got)
				}
			case <-time.After(10 * time.Second):
				t.Error("it still waits for an answer")
			}
		})
	}
}
