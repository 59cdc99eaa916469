package manifest

import rbacv1 "k8s.io/api/rbac/v1"

// Grant is a right that an object gives to an account. Whoever makes the object must have the right, or may escalate.
type Grant struct {
	Verb, Group, Resource string // the resource with its part, such as pods/eviction
	Namespace             string // empty: in the whole cluster
}

// Grants lists the rights that the objects give.
func Grants(objects []Object) (all []Grant) {
	for _, o := range objects {
		switch o := o.(type) {
		case *rbacv1.Role:
			all = append(all, grantsOf(o.Rules, o.Namespace)...)
		case *rbacv1.ClusterRole:
			all = append(all, grantsOf(o.Rules, "")...)
		}
	}
	return all
}

func grantsOf(rules []rbacv1.PolicyRule, namespace string) (all []Grant) {
	for _, r := range rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				for _, verb := range r.Verbs {
					all = append(all, Grant{verb, group, resource, namespace})
				}
			}
		}
	}
	return all
}
