package kube_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline/internal/cluster/kube"
)

// kubeconfig of a server, with two contexts.
const kubeconfig = `
apiVersion: v1
kind: Config
clusters: [{name: here, cluster: {server: %q}}]
users: [{name: me, user: {token: hunter2}}]
contexts: [{name: home, context: {cluster: here, user: me}}, {name: away, context: {cluster: here, user: me, namespace: far}}]
current-context: home
`

func connect(t *testing.T, server, context string) (*kube.Client, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, fmt.Appendf(nil, kubeconfig, server), 0o600); err != nil {
		t.Fatal(err)
	}
	return kube.Connect(kube.Options{Kubeconfig: file, Context: context})
}

// answering is a client of an API server that gives these answers, one after the other, and what it was asked.
func answering(t *testing.T, answers ...string) (*kube.Client, *[]string) {
	t.Helper()
	asked := &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Method+" "+r.URL.RequestURI())
		answer := answers[min(len(*asked), len(answers))-1]
		var status struct{ Code int }
		_ = json.Unmarshal([]byte(answer), &status)
		w.Header().Set("Content-Type", "application/json")
		if status.Code != 0 {
			w.WriteHeader(status.Code)
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	c, err := connect(t, server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	return c, asked
}

// What a real API server (1.35) answered.
const (
	conflictTemplate = `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Apply failed with 1 conflict: conflict with \"%[1]s\" using apps/v1: .spec.replicas","reason":"Conflict","details":{"causes":[{"reason":"FieldManagerConflict","message":"conflict with \"%[1]s\" using apps/v1","field":".spec.replicas"}]},"code":409}`
	forbidden        = `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"deployments.apps \"d\" is forbidden: User \"jo\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"plumbline\"","reason":"Forbidden","details":{"name":"d","group":"apps","kind":"deployments"},"code":403}`
	unauthorized     = `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}`
	noNamespace      = `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"namespaces \"plumbline\" not found","reason":"NotFound","details":{"name":"plumbline","kind":"namespaces"},"code":404}`
	noSuchPath       = `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"the server could not find the requested resource","reason":"NotFound","details":{},"code":404}`
	otherVolume      = `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"StatefulSet.apps \"d\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden","reason":"Invalid","details":{"name":"d","group":"apps","kind":"StatefulSet"},"code":422}`
	deployment       = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"plumbline","resourceVersion":"7"}}`
)

func TestErrorsSayWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		answer, kind string
		is           error
		says         []string
	}{
		"not allowed":         {forbidden, "Deployment", kube.ErrForbidden, []string{"applying Deployment d", `"jo" cannot patch resource "deployments"`}},
		"credentials expired": {unauthorized, "Deployment", kube.ErrUnauthenticated, []string{"(context home)", "expired", "--context"}},
		"no KEDA":             {noSuchPath, "ScaledJob", kube.ErrUnknownKind, []string{"knows no ScaledJob (keda.sh)", "install KEDA"}},
		"volume is said":      {otherVolume, "StatefulSet", kube.ErrRefused, []string{"updates to statefulset spec", "; so --storage and --storage-class must be as they were"}},
		"no namespace":        {noNamespace, "Deployment", nil, []string{`namespaces "plumbline" not found`}},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := answering(t, c.answer)
			_, err := client.Apply(t.Context(), object(c.kind), kube.Applying{})
			if err == nil || c.is != nil && !errors.Is(err, c.is) {
				t.Fatalf("the error is %v, not %v", err, c.is)
			}
			for _, text := range c.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the token is in %q", err)
			}
		})
	}
}

func object(kind string) kube.Object {
	return kube.Object{"apiVersion": "apps/v1", "kind": kind, "metadata": map[string]any{"name": "d", "namespace": "plumbline"}}
}

func TestNobodyAnswers(t *testing.T) {
	c, err := connect(t, "http://127.0.0.1:1", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.ServerVersion(t.Context())
	if !errors.Is(err, kube.ErrUnreachable) || !strings.Contains(err.Error(), "http://127.0.0.1:1 (context home)") {
		t.Errorf("it says %v", err)
	}
}

func TestContextsAreNamed(t *testing.T) {
	if _, err := connect(t, "http://127.0.0.1:1", "work"); err == nil || !strings.Contains(err.Error(), `no context "work", but away, home`) {
		t.Errorf("it says %v", err)
	}
	c, err := connect(t, "http://127.0.0.1:1", "away")
	if err != nil {
		t.Fatal(err)
	}
	if _, context := c.Server(); context != "away" || c.Namespace() != "far" {
		t.Errorf("context %s, namespace %s", context, c.Namespace())
	}
}

// Fields of an earlier Plumbline are taken over, those of others are not, unless that is asked for.
func TestConflicts(t *testing.T) {
	ours, others := fmt.Sprintf(conflictTemplate, "plumbline"), fmt.Sprintf(conflictTemplate, "kubectl")
	client, asked := answering(t, ours, deployment)
	if o, err := client.Apply(t.Context(), object("Deployment"), kube.Applying{}); err != nil || o.Version() != "7" {
		t.Errorf("over ours: %v, %v", o, err)
	}
	if len(*asked) != 2 || !strings.Contains((*asked)[0], "force=false") || !strings.Contains((*asked)[1], "force=true") {
		t.Errorf("it asked %q", *asked)
	}
	client, asked = answering(t, others)
	_, err := client.Apply(t.Context(), object("Deployment"), kube.Applying{})
	var conflict *kube.Conflict
	if !errors.As(err, &conflict) || !strings.Contains(err.Error(), ".spec.replicas (by kubectl)") || len(*asked) != 1 {
		t.Errorf("over another's: %v, asked %q", err, *asked)
	}
}
