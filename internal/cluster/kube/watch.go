package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

var scaledJobs = schema.GroupVersionResource{Group: "keda.sh", Version: "v1alpha1", Resource: "scaledjobs"}

// WatchOptions say which pods are ours.
type WatchOptions struct {
	ScaledJob string // only its pods are; empty: all that carry the gate, or were placed
	All       bool   // the pods of all ScaledJobs are, for who counts but does not place
}

// Watch keeps nodes, pods, Jobs and ScaledJobs in memory and up to date. Its methods may be called from anywhere.
type Watch struct {
	client  *Client
	options WatchOptions
	sources []*source
	nodes   cache.SharedIndexInformer
	pods    cache.SharedIndexInformer
	jobs    cache.SharedIndexInformer
	scaled  cache.SharedIndexInformer
	ended   graveyard
	changed chan struct{}
}

// Watch prepares to watch; Run starts.
func (c *Client) Watch(o WatchOptions) *Watch {
	w := &Watch{client: c, options: o, changed: make(chan struct{}, 1)}
	ours := func(l *metav1.ListOptions) { l.LabelSelector = scaledJobLabel }
	w.nodes = w.watch("nodes", listWatch(c.core, "nodes", "", nil), &corev1.Node{}, trimNode)
	w.pods = w.watch("pods", listWatch(c.core, "pods", c.namespace, ours), &corev1.Pod{}, trim)
	w.jobs = w.watch("jobs", listWatch(c.batch, "jobs", c.namespace, ours), &batchv1.Job{}, trim)
	in := c.dynamic.Resource(scaledJobs).Namespace(c.namespace)
	w.scaled = w.watch("scaledjobs", &cache.ListWatch{
		ListWithContextFunc:  func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return in.List(ctx, o) },
		WatchFuncWithContext: in.Watch,
	}, &unstructured.Unstructured{}, trim)
	return w
}

func listWatch(c rest.Interface, resource, namespace string, modify func(*metav1.ListOptions)) *cache.ListWatch {
	if modify == nil {
		modify = func(*metav1.ListOptions) {}
	}
	return cache.NewFilteredListWatchFromClient(c, resource, namespace, modify)
}

func (w *Watch) watch(name string, lw *cache.ListWatch, kind runtime.Object, transform cache.TransformFunc) cache.SharedIndexInformer {
	s := &source{name: name}
	w.sources = append(w.sources, s)
	i := cache.NewSharedIndexInformer(s.observe(lw), kind, 0, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	s.synced = i.HasSynced
	_ = i.SetTransform(transform)                                                            // fails only after the start
	_ = i.SetWatchErrorHandlerWithContext(func(context.Context, *cache.Reflector, error) {}) // source has it already
	return i
}

// Changed has something in it when a pod or a node has changed since it was last read. It is for one reader.
func (w *Watch) Changed() <-chan struct{} { return w.changed }

// Run watches until the context ends.
func (w *Watch) Run(ctx context.Context) error {
	notify := func() {
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { notify() },
		UpdateFunc: func(any, any) { notify() },
		DeleteFunc: func(o any) { w.bury(o); notify() },
	}
	for _, i := range []cache.SharedIndexInformer{w.nodes, w.pods} {
		if _, err := i.AddEventHandler(handler); err != nil {
			return fmt.Errorf("watching Kubernetes: %w", err)
		}
	}
	var all sync.WaitGroup
	for _, i := range []cache.SharedIndexInformer{w.nodes, w.pods, w.jobs, w.scaled} {
		all.Go(func() { i.RunWithContext(ctx) })
	}
	all.Wait()
	return nil
}

// Synced waits until everything has been read once, or the context ends.
func (w *Watch) Synced(ctx context.Context) bool {
	return cache.WaitForCacheSync(ctx.Done(), w.nodes.HasSynced, w.pods.HasSynced, w.jobs.HasSynced, w.scaled.HasSynced)
}

// Ready is nil when everything was read once and the watches stand; the error says what is not, why, and since when.
func (w *Watch) Ready(context.Context) error {
	errs := make([]error, 0, len(w.sources))
	for _, s := range w.sources {
		errs = append(errs, s.ready())
	}
	return errors.Join(errs...)
}

// source is one kind of thing that is watched, and whether that works.
type source struct {
	name   string
	synced func() bool
	broken atomic.Pointer[failure]
}

type failure struct {
	since time.Time
	err   error
}

func (s *source) ready() error {
	if f := s.broken.Load(); f != nil {
		return fmt.Errorf("%s can't be watched since %s: %w%s", s.name, f.since.UTC().Format(time.RFC3339), f.err, s.advice(f.err))
	}
	if !s.synced() {
		return fmt.Errorf("%s were not read yet", s.name)
	}
	return nil
}

func (s *source) advice(err error) string {
	switch {
	case apierrors.IsForbidden(err):
		return " (the ServiceAccount needs get, list and watch on " + s.name + ")"
	case apierrors.IsNotFound(err) && s.name == scaledJobs.Resource:
		return " (is KEDA installed?)"
	}
	return ""
}

// observe notes how each list and each start of a watch ends. A watch that ends by itself is started again by the informer at
// once, and counts only when that fails.
func (s *source) observe(lw *cache.ListWatch) *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := lw.ListWithContext(ctx, o)
			s.note(ctx, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			events, err := lw.WatchWithContext(ctx, o)
			s.note(ctx, err)
			return events, err
		},
	}
}

func (s *source) note(ctx context.Context, err error) {
	switch {
	case err == nil || apierrors.IsResourceExpired(err) || apierrors.IsGone(err): // the informer reads everything again
		s.broken.Store(nil)
	case ctx.Err() != nil:
	default:
		f := &failure{since: time.Now(), err: err}
		if before := s.broken.Load(); before != nil {
			f.since = before.since
		}
		s.broken.Store(f)
	}
}

// trim drops what nobody here reads, so that a thousand nodes fit into a few megabytes.
func trim(o any) (any, error) {
	if m, err := meta.Accessor(o); err == nil {
		m.SetManagedFields(nil)
	}
	return o, nil
}

func trimNode(o any) (any, error) {
	if n, ok := o.(*corev1.Node); ok {
		n.Status.Images = nil
		n.Status.VolumesInUse, n.Status.VolumesAttached = nil, nil
	}
	return trim(o)
}

// listed gives what an informer holds, sorted by name.
func listed[T metav1.Object](i cache.SharedIndexInformer) []T {
	all := i.GetStore().List()
	out := make([]T, 0, len(all))
	for _, o := range all {
		if t, ok := o.(T); ok {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b T) int {
		if a.GetName() < b.GetName() {
			return -1
		}
		return 1
	})
	return out
}
