package manifest

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

const rbac = "rbac.authorization.k8s.io"

// accounts are one a role, so that rights can be given to one alone. No pod but the controller's gets a token of its account.
func (o *Options) accounts() []Object {
	var list []Object
	for _, a := range []struct{ name, component string }{{Hub, "hub"}, {Control, "control"}, {Export, "export"}, {Work, "work"}} {
		list = append(list, &corev1.ServiceAccount{
			TypeMeta: kind("v1", "ServiceAccount"), ObjectMeta: o.meta(a.name, a.component), AutomountServiceAccountToken: new(bool),
		})
	}
	return list
}

// rights are the controller's. It reads what it decides from, and changes only what its way of placing changes.
func (o *Options) rights() []Object {
	clusterName := Control + "-" + o.Namespace
	subject := []rbacv1.Subject{{Kind: "ServiceAccount", Name: Control, Namespace: o.Namespace}}
	role := func(kind, name string) rbacv1.RoleRef { return rbacv1.RoleRef{APIGroup: rbac, Kind: kind, Name: name} }
	return []Object{
		&rbacv1.Role{TypeMeta: kind(rbac+"/v1", "Role"), ObjectMeta: o.meta(Control, "control"), Rules: o.rules()},
		&rbacv1.RoleBinding{
			TypeMeta: kind(rbac+"/v1", "RoleBinding"), ObjectMeta: o.meta(Control, "control"), Subjects: subject, RoleRef: role("Role", Control),
		},
		&rbacv1.ClusterRole{
			TypeMeta: kind(rbac+"/v1", "ClusterRole"), ObjectMeta: o.metaOfCluster(clusterName, "control"),
			Rules: []rbacv1.PolicyRule{rule("", "nodes", "get", "list", "watch")},
		},
		&rbacv1.ClusterRoleBinding{
			TypeMeta: kind(rbac+"/v1", "ClusterRoleBinding"), ObjectMeta: o.metaOfCluster(clusterName, "control"), Subjects: subject,
			RoleRef: role("ClusterRole", clusterName),
		},
	}
}

func (o *Options) rules() []rbacv1.PolicyRule {
	pods, jobs := rule("", "pods", "get", "list", "watch"), rule("keda.sh", "scaledjobs", "get", "list", "watch")
	rules := []rbacv1.PolicyRule{rule("batch", "jobs", "get", "list", "watch")}
	switch o.Control.Placement {
	case PlacementGate:
		pods.Verbs = append(pods.Verbs, "patch")
		rules = append(rules, rule("", "pods/eviction", "create"))
	case PlacementPatch:
		jobs.Verbs = append(jobs.Verbs, "patch")
	}
	rules = append(rules, pods, jobs)
	if o.Control.Placement != PlacementNone {
		rules = append(rules, rule("", "events", "create"), rule("coordination.k8s.io", "leases", "get", "create", "update"))
	}
	return rules
}

func rule(group, resource string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
}
