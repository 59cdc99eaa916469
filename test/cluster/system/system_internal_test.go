//go:build linux

package system

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestTargets(t *testing.T) {
	pod := func(ip, port string) corev1.Pod {
		var p corev1.Pod
		p.Name, p.Spec.NodeName, p.Status.PodIP = "a", "n", ip
		p.Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{{Name: port, ContainerPort: 9401}}}}
		return p
	}
	got := targets([]corev1.Pod{pod("10.244.1.2", "metrics"), pod("10.244.1.3", "http"), pod("10.0.0.7", "metrics"), pod("", "metrics")})
	want := []target{{[]string{"10.244.1.2:9401"}, map[string]string{"node": "n", "pod": "a"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}

func TestParse(t *testing.T) {
	objects, err := Parse("---\nkind: Service\nmetadata: {name: a}\n---\n# nothing\n---\n{\"kind\": \"Pod\", \"metadata\": {\"name\": \"b\"}}\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(objects) != 2 || objects[0].GetKind() != "Service" || objects[1].GetName() != "b" {
		t.Errorf("read %v", objects)
	}
}
