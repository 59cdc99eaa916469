package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/version"
)

// Right is to do something with a kind of object.
type Right struct {
	Verb      string // get, list, watch, create, patch, update, delete …
	Kind      string
	Sub       string // of the kind, such as proxy, log or eviction; usually empty
	Namespace string // empty: in all, or of what belongs to none
	Name      string // empty: of any name
}

// String is as people say it: patch deployments.apps in plumbline.
func (r Right) String() string {
	group, resource, _ := Kind(r.Kind)
	if r.Sub != "" {
		resource += "/" + r.Sub
	}
	if group != "" {
		resource += "." + group
	}
	if r.Namespace != "" {
		resource += " in namespace " + r.Namespace
	}
	return r.Verb + " " + resource
}

// May asks the cluster whether this user has a right.
func (c *Client) May(ctx context.Context, r Right) (bool, error) {
	group, resource, _ := Kind(r.Kind)
	answer, err := c.create(ctx, Object{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": object{"resourceAttributes": object{
			"verb": r.Verb, "group": group, "resource": resource, "subresource": r.Sub, "namespace": r.Namespace, "name": r.Name,
		}},
	})
	if err != nil {
		return false, err
	}
	allowed, _ := answer.At("status", "allowed").(bool)
	return allowed, nil
}

// Lacks gives those of the rights that this user does not have, in their order.
func (c *Client) Lacks(ctx context.Context, rights []Right) (missing []Right, err error) {
	const atOnce = 10
	has := make([]bool, len(rights))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, r := range rights {
		group.Go(func() (err error) {
			has[i], err = c.May(ctx, r)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, r := range rights {
		if !has[i] {
			missing = append(missing, r)
		}
	}
	return missing, nil
}

// User is as whom the cluster knows this client.
func (c *Client) User(ctx context.Context) (string, error) {
	answer, err := c.create(ctx, Object{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
	if err != nil {
		return "", err
	}
	return answer.Text("status", "userInfo", "username"), nil
}

// ServerVersion is Kubernetes' own.
type ServerVersion struct {
	Text         string // v1.35.4+k3s1
	Major, Minor int
}

// ServerVersion asks the cluster, and is a way to see whether it answers at all.
func (c *Client) ServerVersion(ctx context.Context) (ServerVersion, error) {
	var v version.Info
	text, err := c.core.Get().AbsPath("/version").DoRaw(ctx)
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		return ServerVersion{}, c.explained("asking the cluster for its version", "", err)
	}
	out := ServerVersion{Text: v.GitVersion}
	_, err = fmt.Sscanf(v.Major+" "+strings.TrimRight(v.Minor, "+"), "%d %d", &out.Major, &out.Minor)
	if err != nil {
		return out, fmt.Errorf("the cluster's version %q cannot be read: %w", v.GitVersion, err)
	}
	return out, nil
}

// Server is the API's address, and the name of the kubeconfig's context, for messages.
func (c *Client) Server() (address, context string) { return c.server, c.context }
