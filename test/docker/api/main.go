// Command api answers as the API server of a cluster in which there is nothing: it takes every dry run, and refuses whatever is to
// stay. So `plumbline deploy` does all that comes before the cluster is changed, and nothing else.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: api ADDRESS")
		os.Exit(2)
	}
	server := http.Server{Addr: os.Args[1], Handler: http.HandlerFunc(answer), ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

func answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/version":
		fmt.Fprint(w, `{"major": "1", "minor": "35", "gitVersion": "v1.35.4"}`)
	case r.Method == http.MethodPost, r.URL.Query().Has("dryRun"):
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body) // as it would be; whoever does not hear the end has gone
	case r.Method != http.MethodGet:
		refuse(w, http.StatusForbidden, "Forbidden")
	case isList(r.URL.Path):
		fmt.Fprint(w, `{"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}`)
	default:
		refuse(w, http.StatusNotFound, "NotFound")
	}
}

// isList tells /api/v1/nodes and /api/v1/namespaces/N/pods from what names one object of them.
func isList(path string) bool {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	group := map[string]int{"api": 2, "apis": 3}[parts[0]] // parts before the kind
	return len(parts) > group && (len(parts)-group)%2 == 1
}

func refuse(w http.ResponseWriter, code int, reason string) {
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{ // likewise
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": "there is nothing here, and nothing may be made", "details": map[string]any{"name": "it"},
	})
}
