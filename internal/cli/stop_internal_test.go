//go:build unix

package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
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
	return clusterWith(t, nil)
}

// clusterWith has other answers at some paths.
func clusterWith(t *testing.T, answers map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		group := map[string]int{"api": 2, "apis": 3}[parts[0]] // parts before the kind
		answer := answers[r.URL.Path]
		switch {
		case answer != "" && r.Method == http.MethodGet:
			var status struct{ Code int }
			_ = json.Unmarshal([]byte(answer), &status)
			w.WriteHeader(cmp.Or(status.Code, http.StatusOK))
			fmt.Fprint(w, answer)
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

// What a user may not do somebody else may: who lacks rights is told how to go on, as by the preflight.
func TestStopWithoutRights(t *testing.T) {
	const roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/other/roles"
	file := clusterWith(t, map[string]string{roles: `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"roles is forbidden","reason":"Forbidden","code":403}`})
	var out bytes.Buffer
	g := parsed(t, "stop", "--namespace", "other", "--kubeconfig", file)
	err := g.Stop.Run(t.Context(), &Process{Name: "plumbline", Stdout: &out, Stderr: &out})
	want := "listing Roles: the cluster does not allow it: roles is forbidden\n" +
		"Ask an administrator of the cluster for the rights (plumbline doctor --cluster --namespace other --kubeconfig " + file + " lists those that are missing), or stop as one (--context)"
	if err == nil || err.Error() != want {
		t.Errorf("it says %v, want %s", err, want)
	}
}

// The size and class that the hub's volume was made with go on where nobody asks for others, and what is asked for is not swallowed.
func TestDeployKeepsTheVolumeAsItWasMade(t *testing.T) {
	const hub = `{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"plumbline-hub","namespace":"plumbline","labels":{"app.kubernetes.io/managed-by":"plumbline","app.kubernetes.io/part-of":"plumbline"}},
"spec":{"volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{"storageClassName":"fast","resources":{"requests":{"storage":"30Gi"}}}}]}}`
	file := clusterWith(t, map[string]string{"/apis/apps/v1/namespaces/plumbline/statefulsets/plumbline-hub": hub})
	for name, c := range map[string]struct{ flags, says, changes string }{
		"nothing is asked for": {"", "the hub's volume stays as it was asked for, 30Gi\n", ""},
		"another size":         {" --storage 40Gi", "", "- storage: 30Gi + storage: 40Gi"},
		"another class":        {" --storage-class slow", "", "- storageClassName: fast + storageClassName: slow"},
	} {
		var out, told bytes.Buffer
		g := parsed(t, strings.Fields("deploy --diff --image i --image-pull-policy Never --prometheus http://prometheus:9090 --mqtt-anonymous --kubeconfig "+file+c.flags)...)
		err := g.Deploy.Run(t.Context(), &Process{Name: "plumbline", Stdout: &out, Stderr: &told, Version: "test"})
		var ended *exit
		if !errors.As(err, &ended) || ended.code != exitDiffers || !strings.Contains(told.String(), c.says) {
			t.Fatalf("%s: %v %s", name, err, told.String())
		}
		var changes []string
		for line := range strings.Lines(out.String()) {
			if f := strings.Fields(line); len(f) == 3 && (f[1] == "storage:" || f[1] == "storageClassName:") {
				changes = append(changes, f...)
			}
		}
		if got := strings.Join(changes, " "); got != c.changes {
			t.Errorf("%s: it would change %q, want %q", name, got, c.changes)
		}
	}
}

// Whoever ends the wait for GPU samples has everything else.
func TestInterruptedAtTheSamples(t *testing.T) {
	g := parsed(t, strings.Fields("deploy --image i --prometheus http://prometheus:9090 --mqtt-anonymous --namespace there --kubeconfig "+emptyCluster(t))...)
	d, err := newDeployment(&Process{Name: "plumbline", Stdout: io.Discard, Stderr: io.Discard, Version: "test"}, &g.Deploy.Deploy)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	const want = "interrupted: everything is applied and ready, only samples of the nodes' GPUs are not waited for. Look at it: plumbline deploy --watch-only --namespace there"
	if err := d.awaitSamples(ctx); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("it says %v", err)
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
