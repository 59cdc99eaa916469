//go:build linux

package cases

import "testing"

func TestTrespasses(t *testing.T) {
	const us, keda = "system:serviceaccount:plumbline:plumbline-control", "system:serviceaccount:keda:keda-operator"
	for name, c := range map[string]struct {
		user, verb, resource, subresource string
		code                              int
		wrong                             bool
	}{
		"we place a pod":               {us, "patch", "pods", "", 200, false},
		"we evict what never ran":      {us, "create", "pods", "eviction", 201, false},
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
