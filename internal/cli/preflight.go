package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"plumbline/internal/cluster/image"
	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/manifest"
	"plumbline/internal/cluster/preflight"
	"plumbline/internal/cluster/prom"
	"plumbline/internal/config"
	"plumbline/internal/gpu"
	"plumbline/internal/wording"
)

// look is what is looked at before anything is changed in a cluster.
type look struct {
	client  *kube.Client
	plan    preflight.Plan
	objects []manifest.Object // to be applied; what rights that takes
	secrets []kube.Wanted     // that pods need

	image    string // that must be there; empty: not looked for
	push     string // reference to push to; empty: nothing is pushed
	insecure bool   // the registry speaks plain HTTP

	build   config.ImageBuild // of the image that is to be pushed
	version string            // which it is to be of

	prometheus []string
	maxAge     time.Duration // of a sample that counts; 0: the controller's own default
}

const usualMaxAge = time.Minute

// newLook is for what the flags ask for, of which o are the objects.
func newLook(p *Process, client *kube.Client, c *config.Deployment, o manifest.Options) (look, error) {
	objects, err := manifest.Objects(o)
	if err != nil {
		return look{}, misused(err)
	}
	l := look{
		client: client, objects: objects, insecure: c.InsecureRegistry, prometheus: c.Prometheus,
		plan: preflight.Plan{
			Namespace: c.Namespace, Storage: askedSize(c), StorageClass: c.StorageClass, RuntimeClass: c.RuntimeClass, Taint: c.Taint, WorkerNodes: c.WorkerNodes, ExportNodes: c.ExportNodes,
			Claim: manifest.Claim, Host: true, Policies: c.NetworkPolicies, KEDANamespace: c.KEDANamespace,
		},
	}
	for _, s := range manifest.NeededSecrets(objects) {
		l.secrets = append(l.secrets, kube.Wanted{Name: s.Name, Keys: s.Keys, Brought: s.Brought})
	}
	switch {
	case c.Registry != "":
		l.push, l.build, l.version = o.Image, c.ImageBuild, p.Version
	case c.ImagePullPolicy != "Never":
		l.image = c.Image
	}
	return l, nil
}

// Each question to somebody outside of the API server ends after this: nothing here is worth a longer wait.
const lookTimeout = 5 * time.Second

// findings gathers the facts and has them judged. An error means that the cluster does not let itself be looked at.
func (l look) findings(ctx context.Context) ([]preflight.Finding, error) {
	survey, err := l.client.Survey(ctx, l.secrets)
	if err != nil {
		return nil, err
	}
	f := preflight.Facts{Cluster: survey, Rights: l.rights(ctx), Registry: l.registry(ctx), Loads: l.loads(ctx, survey.Nodes)}
	return preflight.Judge(l.plan, f), ctx.Err()
}

func (l look) rights(ctx context.Context) preflight.Rights {
	wanted := preflight.Needed(l.client.Namespace(), l.kinds(), l.plan.Taint)
	r := preflight.Rights{Asked: len(wanted)}
	if r.Missing, r.Unseen = l.client.Lacks(ctx, wanted); r.Unseen != nil {
		return r
	}
	given, err := l.mayGive(ctx)
	r.Missing, r.Unseen = append(r.Missing, given...), err
	return r
}

func (l look) kinds() (all []string) {
	for _, o := range l.objects {
		all = append(all, o.GetObjectKind().GroupVersionKind().Kind)
	}
	return all
}

// mayGive lists the rights that the objects give and this user lacks: the API server lets nobody give more than they have,
// unless they may escalate.
func (l look) mayGive(ctx context.Context) ([]kube.Right, error) {
	missing, err := l.client.Lacks(ctx, l.gives())
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	cannot, err := l.client.Lacks(ctx, []kube.Right{{Verb: "escalate", Kind: "Role", Namespace: l.client.Namespace()}, {Verb: "escalate", Kind: "ClusterRole"}})
	if len(cannot) == 0 {
		return nil, err
	}
	return missing, err
}

func (l look) gives() (all []kube.Right) {
	for _, g := range manifest.Grants(l.objects) {
		resource, part, _ := strings.Cut(g.Resource, "/")
		all = append(all, kube.Right{Verb: g.Verb, Kind: kube.KindOf(g.Group, resource), Sub: part, Namespace: g.Namespace})
	}
	return all
}

func (l look) registry(ctx context.Context) *preflight.Registry {
	ctx, cancel := context.WithTimeout(ctx, 2*lookTimeout)
	defer cancel()
	switch {
	case l.push != "":
		r := &preflight.Registry{Where: l.push, Push: true, Problem: image.MayPush(ctx, l.push, l.insecure)}
		r.Platforms, r.Unbuilt = l.packed()
		r.Trouble = troubleOf(r.Problem)
		return r
	case l.image != "":
		seen, err := image.Find(ctx, l.image, l.insecure)
		return &preflight.Registry{Where: l.image, Platforms: seen.Platforms, Problem: err, Trouble: troubleOf(err)}
	}
	return nil
}

// packed are the platforms that the image is to be for: those that there are binaries for. The building tells the rest.
func (l look) packed() (platforms []string, err error) {
	variants, err := imageVariants(&Process{Version: l.version, Stderr: io.Discard}, l.build)
	for _, v := range variants {
		platforms = append(platforms, string(v.Platform))
	}
	return platforms, err
}

func troubleOf(err error) preflight.Trouble {
	switch {
	case errors.Is(err, image.ErrUnreachable):
		return preflight.Unreachable
	case errors.Is(err, image.ErrRefused):
		return preflight.Refused
	case errors.Is(err, image.ErrUnknown):
		return preflight.Unknown
	}
	return preflight.Other
}

// loads asks Prometheus from here, else the controller, which reads it from inside, else Prometheus through the API server.
func (l look) loads(ctx context.Context, nodes []kube.Machine) *preflight.Loads {
	var known []prom.Node
	for _, n := range nodes {
		known = append(known, prom.Node{Name: n.Name, Addresses: n.Addresses})
	}
	ways := []struct {
		from string
		read func(context.Context, []prom.Node) (*preflight.Loads, error)
	}{{"from this machine", l.loadsFromHere}, {"by the controller", l.loadsByController}, {"through the API server", l.loadsThroughAPI}}
	var errs []error
	for _, way := range ways {
		found, err := way.read(ctx, known)
		if found != nil {
			if found.MaxAge = l.maxAge; found.MaxAge == 0 {
				found.MaxAge = usualMaxAge
			}
			return found
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s", way.from, wording.OneLine(err)))
		}
	}
	if len(errs) == 0 || len(l.prometheus) == 0 {
		return nil
	}
	return &preflight.Loads{Unseen: errors.Join(errs...)}
}

func (l look) loadsFromHere(ctx context.Context, nodes []prom.Node) (*preflight.Loads, error) {
	if len(l.prometheus) == 0 {
		return nil, nil
	}
	return readLoads(ctx, prom.Options{Addresses: l.prometheus}, nodes, "from this machine")
}

func readLoads(ctx context.Context, o prom.Options, nodes []prom.Node, from string) (*preflight.Loads, error) {
	o.Timeout = lookTimeout
	reader, err := prom.New(o)
	if err != nil {
		return nil, err
	}
	r, err := reader.Read(ctx, nodes)
	if err != nil {
		return nil, err
	}
	return &preflight.Loads{From: from, Samples: r.Samples, At: r.At}, nil
}

func (l look) loadsByController(ctx context.Context, _ []prom.Node) (*preflight.Loads, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	r, err := newControllerClient(l.client).Status(ctx)
	if err != nil {
		return nil, err
	}
	if r.Loads.At.IsZero() {
		return nil, fmt.Errorf("the controller has read nothing yet: %s", strings.Join(r.Problems, "; "))
	}
	found := &preflight.Loads{From: "as the controller sees it", At: r.At}
	for _, n := range r.Nodes {
		if n.GPU != nil {
			found.Samples = append(found.Samples, gpu.Sample{Node: n.Node, Utilization: *n.GPU, At: r.At.Add(-n.Age)})
		}
	}
	return found, nil
}

func (l look) loadsThroughAPI(ctx context.Context, nodes []prom.Node) (*preflight.Loads, error) {
	var errs []error
	for _, address := range l.prometheus {
		namespace, service, port, ok := serviceOf(address)
		if !ok {
			continue
		}
		o := prom.Options{Addresses: []string{address}, Transport: l.client.Through(namespace, service, port)}
		found, err := readLoads(ctx, o, nodes, "through the API server")
		if err == nil {
			return found, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// serviceOf reads the address of a Service as pods write it: http://NAME.NAMESPACE[.svc[.DOMAIN]][:PORT][/PATH].
func serviceOf(address string) (namespace, service, port string, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" {
		return "", "", "", false
	}
	labels := strings.Split(u.Hostname(), ".")
	if len(labels) < 2 || len(labels) > 2 && labels[2] != "svc" || strings.ContainsAny(u.Hostname(), ":") {
		return "", "", "", false
	}
	if port = u.Port(); port == "" {
		port = "80"
	}
	return labels[1], labels[0], port, true
}
