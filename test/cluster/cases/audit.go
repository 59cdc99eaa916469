//go:build linux

package cases

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// act is what somebody did to an object, from the API server's audit log.
type act struct {
	Verb string `json:"verb"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	Object struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	Response struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	Created struct { // what was made, where the request was to make something
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	} `json:"responseObject"`
	Ended time.Time `json:"stageTimestamp"`
}

// name is the object's, also where the API server chose it.
func (a act) name() string {
	if a.Object.Name != "" {
		return a.Object.Name
	}
	return a.Created.Metadata.Name
}

func (a act) String() string {
	return strings.TrimSuffix(fmt.Sprintf("%s: %s %s/%s/%s", a.User.Username, a.Verb, a.Object.Resource, a.Object.Name, a.Object.Subresource), "/")
}

// ours tells whether an account of Plumbline's did it, in whatever namespace.
func (a act) ours() bool {
	_, account, _ := strings.Cut(strings.TrimPrefix(a.User.Username, "system:serviceaccount:"), ":")
	return strings.HasPrefix(account, "plumbline")
}

// changes tells whether it was more than looking, and was let happen.
func (a act) changes() bool {
	return a.Verb != "get" && a.Verb != "list" && a.Verb != "watch" && a.Response.Code < 300
}

// pod is a pod's full name.
func (a act) pod() string { return a.Object.Namespace + "/" + a.name() }

// by tells whether one of a namespace's accounts did it.
func (a act) by(namespace string) bool {
	return strings.HasPrefix(a.User.Username, "system:serviceaccount:"+namespace+":")
}

func (w *World) auditSize() int64 {
	info, err := os.Stat(w.AuditLog())
	if err != nil {
		return 0
	}
	return info.Size()
}

// acts are what was done since the case began.
func (w *World) acts() ([]act, error) {
	file, err := os.Open(w.AuditLog())
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.Seek(w.mark, io.SeekStart); err != nil {
		return nil, err
	}
	var all []act
	lines := bufio.NewReaderSize(file, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return all, nil // the last line may still be on its way
		}
		var a act
		if err := json.Unmarshal(line, &a); err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		all = append(all, a)
	}
}

// trespasses are acts of ours, in any namespace, that must never happen: a Job or a pod deleted, a pod evicted that a node had
// taken, a ScaledJob changed other than in patch mode.
func trespasses(acts []act) (wrong []string) {
	bound := map[string]bool{}
	for _, a := range acts {
		if a.Object.Resource == "pods" && a.Object.Subresource == "binding" && a.changes() {
			bound[a.pod()] = true
		}
		if !a.ours() || !a.changes() {
			continue
		}
		switch {
		case (a.Verb == "delete" || a.Verb == "deletecollection") && (a.Object.Resource == "jobs" || a.Object.Resource == "pods"):
			wrong = append(wrong, a.String())
		case a.Object.Resource == "pods" && a.Object.Subresource == "eviction" && bound[a.pod()]:
			wrong = append(wrong, a.String()+", which a node had taken")
		case a.Object.Resource == "scaledjobs" && !a.by(original):
			wrong = append(wrong, a.String())
		}
	}
	return wrong
}
