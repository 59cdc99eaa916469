package kube

import "testing"

func made(t *testing.T, fields object) Object {
	t.Helper()
	o, err := ObjectOf(fields)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestPortsBehindAService(t *testing.T) {
	service := made(t, object{"kind": "Service", "apiVersion": "v1", "spec": object{
		"selector": object{"b": "2", "a": "1"},
		"ports":    []object{{"name": "metrics", "port": 80, "targetPort": "http"}, {"name": "plain", "port": 81}, {"name": "number", "port": 82, "targetPort": 8082}},
	}})
	pod := made(t, object{"kind": "Pod", "apiVersion": "v1", "spec": object{"containers": []object{{"ports": []object{{"name": "http", "containerPort": 9403}}}}}})
	for port, want := range map[string]int64{"metrics": 9403, "plain": 81, "number": 8082, "82": 8082, "80": 9403, "none": 0} {
		if got := portOf(pod, targetOf(service, port)); got != want {
			t.Errorf("%s: %d, not %d", port, got, want)
		}
	}
	if got := selectorOf(service); got != "a=1,b=2" {
		t.Errorf("selector %q", got)
	}
}
