package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Inside lists the objects in a namespace, of every kind that the API server has, without their contents. unseen names the kinds
// that this user may not list.
func (c *Client) Inside(ctx context.Context, namespace string) (all []Object, unseen []string, err error) {
	const atOnce = 10
	served, err := c.served(ctx)
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, s := range served {
		group.Go(func() error {
			found, err := c.listServed(ctx, s, namespace)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case apierrors.IsForbidden(err):
				unseen = append(unseen, s.Kind)
			case apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err):
			case err != nil:
				return c.explained("listing "+s.Kind+"s", "", err)
			}
			all = append(all, found...)
			return nil
		})
	}
	err = group.Wait()
	slices.Sort(unseen)
	slices.SortFunc(all, func(a, b Object) int { return strings.Compare(a.Ref().String(), b.Ref().String()) })
	return all, unseen, err
}

// served is a kind that the API server has, in the version that it prefers.
type served struct {
	Group, Version, Kind, Resource string
}

// metadataOnly asks for objects without their contents: names are enough, and Secrets stay where they are.
const metadataOnly = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

func (c *Client) listServed(ctx context.Context, s served, namespace string) ([]Object, error) {
	root := "/apis/" + s.Group + "/"
	if s.Group == "" {
		root = "/api/"
	}
	text, err := c.core.Get().AbsPath(root+s.Version, "namespaces", namespace, s.Resource).SetHeader("Accept", metadataOnly).Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	var list struct{ Items []Object }
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("reading the list of %s: %w", s.Resource, err)
	}
	for _, o := range list.Items {
		o["apiVersion"], o["kind"] = strings.TrimPrefix(s.Group+"/"+s.Version, "/"), s.Kind
	}
	return list.Items, nil
}

// groupsAtOnce asks for every group with its kinds in one answer (Kubernetes 1.27 and newer).
const groupsAtOnce = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"

// unasked are kinds that are everywhere and mean nothing: what Kubernetes notes, and what it adds to Services.
var unasked = []string{"events", "endpoints"}

// served lists the kinds that live in namespaces and can be listed.
func (c *Client) served(ctx context.Context) (all []served, err error) {
	for _, path := range []string{"/api", "/apis"} {
		text, err := c.core.Get().AbsPath(path).SetHeader("Accept", groupsAtOnce).Do(ctx).Raw()
		if err != nil {
			return nil, c.explained("asking which kinds there are", "", err)
		}
		found, err := readGroups(text)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func readGroups(text []byte) (all []served, err error) {
	var groups struct {
		Kind  string
		Items []struct {
			Metadata struct{ Name string }
			Versions []struct {
				Version   string
				Resources []struct {
					Resource, Scope string
					ResponseKind    struct{ Kind string }
					Verbs           []string
				}
			}
		}
	}
	if err := json.Unmarshal(text, &groups); err != nil || groups.Kind != "APIGroupDiscoveryList" {
		return nil, fmt.Errorf("asking which kinds there are: the API server does not list all at once, as Kubernetes 1.27 and newer do")
	}
	for _, g := range groups.Items {
		seen := map[string]bool{}
		for _, v := range g.Versions { // the preferred one comes first
			for _, r := range v.Resources {
				if seen[r.Resource] || r.Scope != "Namespaced" || !slices.Contains(r.Verbs, "list") || slices.Contains(unasked, r.Resource) {
					continue
				}
				seen[r.Resource] = true
				all = append(all, served{g.Metadata.Name, v.Version, r.ResponseKind.Kind, r.Resource})
			}
		}
	}
	return all, nil
}
