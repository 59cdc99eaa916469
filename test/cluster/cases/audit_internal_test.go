//go:build linux

package cases

import "testing"

func TestTrespasses(t *testing.T) {
	const us, keda = "system:serviceaccount:plumbline:plumbline-control", "system:serviceaccount:keda:keda-operator"
	const elsewhere, patching = "system:serviceaccount:based:plumbline-control", "system:serviceaccount:original:plumbline-control"
	for name, c := range map[string]struct {
		user, verb, resource, subresource string
		code                              int
		wrong                             bool
	}{
		"we place a pod":               {us, "patch", "pods", "", 200, false},
		"we evict what never ran":      {us, "create", "pods", "eviction", 201, false},
		"we delete a pod elsewhere":    {elsewhere, "delete", "pods", "", 200, true},
		"we patch where that is asked": {patching, "patch", "scaledjobs", "", 200, false},
		"we delete where we patch":     {patching, "delete", "jobs", "", 200, true},
		"we delete a pod":              {us, "delete", "pods", "", 200, true},
		"we delete many Jobs":          {us, "deletecollection", "jobs", "", 200, true},
		"we were not let delete a Job": {us, "delete", "jobs", "", 403, false},
		"we look at ScaledJobs":        {us, "watch", "scaledjobs", "", 200, false},
		"we patch a ScaledJob":         {us, "patch", "scaledjobs", "", 200, true},
		"KEDA deletes an old Job":      {keda, "delete", "jobs", "", 200, false},
		"KEDA writes a status":         {keda, "patch", "scaledjobs", "status", 200, false},
	} {
		t.Run(name, func(t *testing.T) {
			var a act
			a.User.Username, a.Verb, a.Object.Resource, a.Object.Subresource, a.Response.Code = c.user, c.verb, c.resource, c.subresource, c.code
			if wrong := trespasses([]act{a}); (len(wrong) > 0) != c.wrong {
				t.Errorf("trespasses: %v", wrong)
			}
		})
	}
}

// TestEvictionOfWhatRuns: a pod that a node has taken may run already.
func TestEvictionOfWhatRuns(t *testing.T) {
	binding, eviction := act{Verb: "create"}, act{Verb: "create"}
	for _, a := range []*act{&binding, &eviction} {
		a.Object.Resource, a.Object.Namespace, a.Object.Name, a.Response.Code = "pods", "plumbline", "work-1", 201
	}
	binding.User.Username, binding.Object.Subresource = "system:kube-scheduler", "binding"
	eviction.User.Username, eviction.Object.Subresource = "system:serviceaccount:plumbline:plumbline-control", "eviction"
	if wrong := trespasses([]act{eviction, binding}); len(wrong) > 0 {
		t.Errorf("evicted before it was bound: %v", wrong)
	}
	if wrong := trespasses([]act{binding, eviction}); len(wrong) != 1 {
		t.Errorf("evicted after it was bound: %v", wrong)
	}
}
