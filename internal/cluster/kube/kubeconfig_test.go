package kube_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/testkit/pki"
)

// of is a kubeconfig with one context, of a server, with further fields of cluster and user.
func of(server, cluster, user string) string {
	return `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "` + server + `"` + cluster + `}}]
users: [{name: u, user: {` + user + `}}]
contexts: [{name: here, context: {cluster: c, user: u}}]
current-context: here
`
}

func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// says wants all of the texts, and none of the libraries' own words.
func says(t *testing.T, err error, wanted ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, text := range wanted {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("does not say %q: %v", text, err)
		}
	}
	for _, foreign := range []string{"json", "KUBERNETES_MASTER", "couldn't get version/kind", "Go value", "Get \"", "no configuration has been provided"} {
		if strings.Contains(err.Error(), foreign) {
			t.Errorf("says %q: %v", foreign, err)
		}
	}
}

func TestWhatIsWrongWithAKubeconfigIsSaid(t *testing.T) {
	whole := of("https://127.0.0.1:1", "", "token: t")
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", "it names no cluster"},
		"blank":            {"\n\n", "it names no cluster"},
		"a word":           {"hello", "does not have the fields of a kubeconfig"},
		"a list":           {"[1, 2]", "does not have the fields of a kubeconfig"},
		"broken YAML":      {"clusters: [", "it is no YAML (line 1"},
		"binary":           {"\x00\x01\xff\xfe", "it is not text"},
		"something else":   {"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n", "it holds a Pod, where a kubeconfig has kind: Config"},
		"other YAML":       {"mqtt-listen: 0.0.0.0:1883\n", "it names no cluster"},
		"fields of others": {"clusters: 3\n", "does not have the fields of a kubeconfig"},
		"no base64":        {strings.ReplaceAll(whole, `{server:`, `{certificate-authority-data: "%", server:`), "is not base64"},
		"no authority":     {strings.ReplaceAll(whole, `{server:`, `{certificate-authority: /nowhere/ca.crt, server:`), "/nowhere/ca.crt"},
		"no certificate":   {strings.ReplaceAll(whole, `{server:`, `{certificate-authority-data: aGVsbG8=, server:`), "certificates, keys or login that the kubeconfig names cannot be used"},
		"no current":       {strings.ReplaceAll(whole, "current-context: here", ""), "does not say which context is the current one: choose with --context: here"},
		"unknown current":  {strings.ReplaceAll(whole, "current-context: here", "current-context: there"), `no context "there", but here: choose one with --context`},
		"no cluster of it": {strings.ReplaceAll(whole, "cluster: c,", "cluster: d,"), `of a cluster "d", which is not in it`},
		"no user of it":    {strings.ReplaceAll(whole, "user: u}", "user: v}"), `of a user "v", who is not in it`},
		"no address":       {strings.ReplaceAll(whole, `server: "https://127.0.0.1:1"`, ""), `the cluster "c" has no server`},
	} {
		t.Run(name, func(t *testing.T) {
			path := written(t, c.text)
			_, err := kube.Connect(kube.Options{Kubeconfig: path})
			wanted := []string{c.want, "--"}
			if name != "no certificate" {
				wanted = append(wanted, path)
			}
			says(t, err, wanted...)
		})
	}
}

func TestAKubeconfigThatIsNotThere(t *testing.T) {
	folder := t.TempDir()
	_, err := kube.Connect(kube.Options{Kubeconfig: folder})
	says(t, err, folder, "it is a folder", "--kubeconfig")
	nowhere := filepath.Join(folder, "none")
	_, err = kube.Connect(kube.Options{Kubeconfig: nowhere})
	says(t, err, nowhere, "there is no such file", "--kubeconfig")
	t.Setenv("KUBECONFIG", nowhere)
	_, err = kube.Connect(kube.Options{})
	says(t, err, "There is no kubeconfig at "+nowhere, "--kubeconfig FILE or KUBECONFIG")
	_, err = kube.Connect(kube.Options{Context: "here"})
	says(t, err, nowhere, `no context "here", and no other`)
	t.Setenv("KUBECONFIG", nowhere+string(filepath.ListSeparator)+written(t, of("https://127.0.0.1:1", "", "")))
	if _, err := kube.Connect(kube.Options{}); err != nil {
		t.Errorf("a missing file of several: %v", err)
	}
}

// listening is the address of one who shows a certificate.
func listening(t *testing.T, shown pki.Certificate) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(shown.CertFile, shown.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func TestWhyAClusterCannotBeAskedIsSaid(t *testing.T) {
	refuses := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","message":"Unauthorized","code":401}`))
	}))
	refuses.TLS = &tls.Config{ClientAuth: tls.RequestClientCert} // as API servers do
	refuses.Config.ErrorLog = log.New(io.Discard, "", 0)
	refuses.StartTLS()
	defer refuses.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	defer page.Close()
	authority := pki.New(t, "cluster")
	trusted := ", certificate-authority: " + authority.File
	for name, c := range map[string]struct {
		config string
		want   []string
	}{
		"nobody listens":  {of("http://127.0.0.1:1", "", ""), []string{"the cluster at http://127.0.0.1:1 (context here) cannot be reached", "--kubeconfig, --context", "refused"}},
		"wrong authority": {of(refuses.URL, "", "token: t"), []string{"a certificate that the authority in the kubeconfig has not signed", refuses.URL}},
		"wrong token":     {of(refuses.URL, ", insecure-skip-tls-verify: true", "token: t"), []string{"does not accept these credentials", "log in again"}},
		"a web page":      {of(page.URL, "", ""), []string{"is no Kubernetes cluster", page.URL}},
		"no login program": {
			of(refuses.URL, ", insecure-skip-tls-verify: true", `exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-login, interactiveMode: Never, installHint: "get it from its maker"}`),
			[]string{"has a program log in, and that did not: there is no program no-such-login on this machine. get it from its maker"},
		},
		"login fails": {
			of(refuses.URL, ", insecure-skip-tls-verify: true", `exec: {apiVersion: client.authentication.k8s.io/v1, command: "false", interactiveMode: Never}`),
			[]string{"has a program log in, and that did not", "exit code 1"},
		},
		"certificate that is none": {
			of(refuses.URL, ", insecure-skip-tls-verify: true", "client-certificate: /etc/hostname, client-key: /etc/hostname"),
			[]string{"the certificate or key that the kubeconfig (context here) names is none"},
		},
		"expired":      {of(listening(t, authority.Server(pki.Expired)), trusted, ""), []string{"a certificate that has expired", "clock"}},
		"another name": {of(listening(t, authority.Server(func(c *x509.Certificate) { c.IPAddresses = nil })), trusted, ""), []string{"a certificate that is not for this address"}},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := kube.Connect(kube.Options{Kubeconfig: written(t, c.config)})
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.ServerVersion(t.Context())
			says(t, err, c.want...)
		})
	}
}
