package scaler_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"plumbline/internal/cluster/scaler"
	pb "plumbline/internal/cluster/scaler/externalscaler"
	"plumbline/internal/gpu"
	"plumbline/internal/testkit/pki"
)

// world is what a scaler sees; it may change while it is asked.
type world struct {
	mu      sync.Mutex
	waiting int
	claimed []string
	jobs    []scaler.Job
	nodes   map[string]float64 // GPU utilization by node; a negative one is not known
	hub     error
	away    error // of the cluster
	gone    bool  // the ScaledJob
	clock   time.Time
	reads   int
}

func (w *world) change(f func(*world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w)
}

func (w *world) backlog(context.Context) (scaler.Backlog, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	return scaler.Backlog{Waiting: w.waiting, Claimed: w.claimed}, w.hub
}

func (w *world) view(namespace, name string) (scaler.View, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away != nil {
		return scaler.View{}, w.away
	}
	if namespace != "here" || name != "worker" || w.gone {
		return scaler.View{}, scaler.ErrNoScaledJob
	}
	v := scaler.View{Strategy: scaler.Strategy{Name: "default", Max: 100}, Jobs: w.jobs}
	for node, load := range w.nodes {
		v.Snapshot.Nodes = append(v.Snapshot.Nodes, gpu.Node{Name: node, Ready: true, GPU: true})
		if load >= 0 {
			v.Snapshot.Samples = append(v.Snapshot.Samples, gpu.Sample{Node: node, Utilization: load, At: time.Now()})
		}
	}
	return v, nil
}

// open makes a scaler over a world, with a clock that each question moves by a second.
func open(t *testing.T, w *world) *scaler.Scaler {
	t.Helper()
	s, err := scaler.New(scaler.Options{
		Defaults: scaler.Trigger{CapturesPerJob: 20, Rules: gpu.DefaultRules()}, View: w.view, Backlog: w.backlog, Registerer: prometheus.NewRegistry(),
	})
	must(t, err)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serve answers on loopback until the test ends.
func serve(t *testing.T, s *scaler.Scaler, secure scaler.TLS, ready func() error) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l, secure, ready) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return l.Addr().String()
}

func dial(t *testing.T, address string, c credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(c))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func healthy() error { return nil }

var here = &pb.ScaledObjectRef{Namespace: "here", Name: "worker", ScalerMetadata: map[string]string{"scalerAddress": "x:1", "capturesPerJob": "10"}}

// poll asks what KEDA asks in one poll, in its order.
func poll(t *testing.T, c pb.ExternalScalerClient) (metric float64, active bool) {
	t.Helper()
	spec, err := c.GetMetricSpec(t.Context(), here)
	must(t, err)
	if len(spec.GetMetricSpecs()) != 1 || spec.GetMetricSpecs()[0].GetTargetSizeFloat() != 1 || spec.GetMetricSpecs()[0].GetTargetSize() != 1 {
		t.Fatalf("specification: %v", spec)
	}
	name := spec.GetMetricSpecs()[0].GetMetricName()
	values, err := c.GetMetrics(t.Context(), &pb.GetMetricsRequest{ScaledObjectRef: here, MetricName: name})
	must(t, err)
	if len(values.GetMetricValues()) != 1 || values.GetMetricValues()[0].GetMetricName() != name {
		t.Fatalf("metrics: %v", values)
	}
	v := values.GetMetricValues()[0]
	if float64(v.GetMetricValue()) != v.GetMetricValueFloat() {
		t.Errorf("%v: the two values differ", v)
	}
	is, err := c.IsActive(t.Context(), here)
	must(t, err)
	return v.GetMetricValueFloat(), is.GetResult()
}

func TestOnePollAgreesWithItself(t *testing.T) {
	w := &world{waiting: 35, nodes: map[string]float64{"a": 0.1, "b": 0.2, "busy": 0.95, "unknown": -1}}
	c := pb.NewExternalScalerClient(dial(t, serve(t, open(t, w), scaler.TLS{}, healthy), insecure.NewCredentials()))
	if metric, active := poll(t, c); metric != 2 || !active {
		t.Errorf("answers %v, %v; want 2 Jobs, one for each node that is fit", metric, active)
	}
	name := "plumbline-jobs"
	_, err := c.GetMetrics(t.Context(), &pb.GetMetricsRequest{ScaledObjectRef: here, MetricName: name})
	must(t, err)
	w.change(func(w *world) { w.waiting = 0 })
	if is, err := c.IsActive(t.Context(), here); err != nil || !is.GetResult() {
		t.Errorf("what changed after the metric changes the same poll's activity: %v, %v", is, err)
	}
}

// Two nodes, one own Job that pushed its node over the threshold, work still waiting: the second node is used, and then no more.
func TestSecondNodeIsUsedOnce(t *testing.T) {
	w := &world{
		waiting: 35, claimed: []string{"first-pod"}, nodes: map[string]float64{"a": 0.95, "b": 0.1},
		jobs: []scaler.Job{{Name: "first", Pods: []string{"first-pod"}}},
	}
	s := open(t, w)
	d, err := s.Decide(t.Context(), "here", "worker", nil)
	must(t, err)
	if d.New != 1 || d.Answer != 2 {
		t.Errorf("%d new Jobs, answered %d; want 1, answered 2 since one is unfinished: %s", d.New, d.Answer, d.Because)
	}
	w.change(func(w *world) { w.jobs = append(w.jobs, scaler.Job{Name: "second", Pending: true, Gated: true}) })
	for range 100 {
		d, err := s.Decide(t.Context(), "here", "worker", nil)
		must(t, err)
		if d.New != 0 || d.Answer != 0 {
			t.Fatalf("%d new Jobs, answered %d, while one waits for its node: %s", d.New, d.Answer, d.Because)
		}
	}
}

func TestNothingUnknownStartsAJob(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*world)
		because string
	}{
		"no sample of any node": {func(w *world) { w.nodes = map[string]float64{"a": -1, "b": -1} }, "no GPU sample"},
		"no node":               {func(w *world) { w.nodes = nil }, "no node is known"},
		"the cluster is away":   {func(w *world) { w.away = errors.New("nodes were not read yet") }, "not read yet"},
		"the hub is away":       {func(w *world) { w.hub = errors.New("connection refused") }, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{waiting: 1000, nodes: map[string]float64{"a": 0.1, "b": 0.1}, jobs: []scaler.Job{{Name: "runs", Pods: []string{"p"}}}}
			w.change(c.change)
			s := open(t, w)
			d, err := s.Decide(t.Context(), "here", "worker", nil)
			must(t, err)
			if d.New != 0 || d.Answer != 0 || !strings.Contains(d.Because, c.because) {
				t.Errorf("%d new Jobs, answered %d: %s; want none since %s", d.New, d.Answer, d.Because, c.because)
			}
			again := d.Again()
			if !d.Same(again) {
				t.Errorf("made again it is %+v", again)
			}
		})
	}
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	w := &world{waiting: 5, nodes: map[string]float64{"a": 0.1}}
	c := pb.NewExternalScalerClient(dial(t, serve(t, open(t, w), scaler.TLS{}, healthy), insecure.NewCredentials()))
	for name, test := range map[string]struct {
		ref  *pb.ScaledObjectRef
		code codes.Code
		says string
	}{
		"unknown key":  {ref: with("capturesperjob", "3"), code: codes.InvalidArgument, says: "capturesPerJob"},
		"no number":    {ref: with("capturesPerJob", "many"), code: codes.InvalidArgument, says: `capturesPerJob is "many"`},
		"another job":  {ref: &pb.ScaledObjectRef{Namespace: "there", Name: "worker"}, code: codes.NotFound, says: "there/worker"},
		"nobody named": {ref: nil, code: codes.NotFound, says: "no such ScaledJob"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := c.GetMetricSpec(t.Context(), test.ref); err != nil {
				t.Errorf("the specification: %v; KEDA would be silent", err)
			}
			_, err := c.GetMetrics(t.Context(), &pb.GetMetricsRequest{ScaledObjectRef: test.ref, MetricName: "plumbline-jobs"})
			if s := status.Convert(err); s.Code() != test.code || !strings.Contains(s.Message(), test.says) {
				t.Errorf("%v, want %s and %q", err, test.code, test.says)
			}
			_, err = c.IsActive(t.Context(), test.ref)
			if s := status.Convert(err); s.Code() != test.code {
				t.Errorf("IsActive: %v", err)
			}
		})
	}
}

func with(key, value string) *pb.ScaledObjectRef {
	return &pb.ScaledObjectRef{Namespace: "here", Name: "worker", ScalerMetadata: map[string]string{key: value}}
}

func TestStreamTellsChanges(t *testing.T) {
	w := &world{nodes: map[string]float64{"a": 0.1}}
	c := pb.NewExternalScalerClient(dial(t, serve(t, open(t, w), scaler.TLS{}, healthy), insecure.NewCredentials()))
	stream, err := c.StreamIsActive(t.Context(), here)
	must(t, err)
	for _, want := range []bool{false, true, false} {
		is, err := stream.Recv()
		must(t, err)
		if is.GetResult() != want {
			t.Errorf("%v, want %v", is, want)
		}
		w.change(func(w *world) { w.waiting = 5 - w.waiting })
	}
}

func TestHealthFollowsReadiness(t *testing.T) {
	var mu sync.Mutex
	var why error
	ready := func() error {
		mu.Lock()
		defer mu.Unlock()
		return why
	}
	address := serve(t, open(t, &world{}), scaler.TLS{}, ready)
	h := grpc_health_v1.NewHealthClient(dial(t, address, insecure.NewCredentials()))
	watch, err := h.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "externalscaler.ExternalScaler"})
	must(t, err)
	until := func(want grpc_health_v1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for {
			is, err := watch.Recv()
			must(t, err)
			if is.GetStatus() == want {
				return
			}
		}
	}
	until(grpc_health_v1.HealthCheckResponse_SERVING)
	mu.Lock()
	why = errors.New("the informers were not read yet")
	mu.Unlock()
	until(grpc_health_v1.HealthCheckResponse_NOT_SERVING)
}

func TestTLSAndClientCertificates(t *testing.T) {
	ours, theirs := pki.New(t, "ours"), pki.New(t, "theirs")
	server := ours.Server()
	client := func(c pki.Certificate) credentials.TransportCredentials {
		text, err := os.ReadFile(ours.File)
		must(t, err)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(text)
		config := &tls.Config{RootCAs: pool}
		if c.CertFile != "" {
			pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
			must(t, err)
			config.Certificates = []tls.Certificate{pair}
		}
		return credentials.NewTLS(config)
	}
	w := &world{waiting: 1, nodes: map[string]float64{"a": 0.1}}
	plain, mutual := scaler.TLS{Cert: server.CertFile, Key: server.KeyFile}, scaler.TLS{Cert: server.CertFile, Key: server.KeyFile, ClientCA: ours.File}
	for name, c := range map[string]struct {
		secure scaler.TLS
		with   credentials.TransportCredentials
		works  bool
	}{
		"TLS":                             {plain, client(pki.Certificate{}), true},
		"TLS, plain text":                 {plain, insecure.NewCredentials(), false},
		"mTLS":                            {mutual, client(ours.Client("keda")), true},
		"mTLS, no certificate":            {mutual, client(pki.Certificate{}), false},
		"mTLS, another's":                 {mutual, client(theirs.Client("keda")), false},
		"mTLS, an expired one":            {mutual, client(ours.Client("keda", pki.Expired)), false},
		"mTLS, without a client's at all": {mutual, insecure.NewCredentials(), false},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, serve(t, open(t, w), c.secure, healthy), c.with)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := pb.NewExternalScalerClient(conn).IsActive(ctx, here)
			if (err == nil) != c.works {
				t.Errorf("%v, want it to work: %v", err, c.works)
			}
		})
	}
}

// A certificate that is renewed in its files is used by the next connection.
func TestRenewedCertificateIsUsed(t *testing.T) {
	authority := pki.New(t, "ours")
	old, renewed := authority.Server(), authority.Server()
	secure := scaler.TLS{Cert: old.CertFile, Key: old.KeyFile}
	address := serve(t, open(t, &world{}), secure, healthy)
	serial := func() string {
		c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // it only looks at the certificate
		must(t, err)
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	before := serial()
	for from, to := range map[string]string{renewed.CertFile: old.CertFile, renewed.KeyFile: old.KeyFile} {
		must(t, os.Rename(from, to))
	}
	if serial() == before {
		t.Error("the old certificate is still used")
	}
}

func TestWrongTLSFilesAreToldAtTheStart(t *testing.T) {
	a := pki.New(t, "ours")
	c := a.Server()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	for says, secure := range map[string]scaler.TLS{
		"nowhere.pem":             {Cert: "nowhere.pem", Key: "nowhere.key"},
		"there is no certificate": {Cert: c.CertFile, Key: c.KeyFile, ClientCA: c.KeyFile},
	} {
		if err := open(t, &world{}).Serve(t.Context(), l, secure, healthy); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

// The wire is KEDA's: names and numbers of its externalscaler.proto in 2.21.
func TestProtocolIsKEDAs(t *testing.T) {
	file := pb.File_externalscaler_proto
	got := map[string][]string{}
	for i := range file.Messages().Len() {
		m := file.Messages().Get(i)
		got[string(m.FullName())] = nil
		for j := range m.Fields().Len() {
			f := m.Fields().Get(j)
			got[string(m.FullName())] = append(got[string(m.FullName())], fmt.Sprintf("%d %s %s %s", f.Number(), f.Name(), f.Cardinality(), f.Kind()))
		}
	}
	want := map[string][]string{
		"externalscaler.ScaledObjectRef":       {"1 name optional string", "2 namespace optional string", "3 scalerMetadata repeated message"},
		"externalscaler.IsActiveResponse":      {"1 result optional bool"},
		"externalscaler.GetMetricSpecResponse": {"1 metricSpecs repeated message"},
		"externalscaler.MetricSpec":            {"1 metricName optional string", "2 targetSize optional int64", "3 targetSizeFloat optional double"},
		"externalscaler.GetMetricsRequest":     {"1 scaledObjectRef optional message", "2 metricName optional string"},
		"externalscaler.GetMetricsResponse":    {"1 metricValues repeated message"},
		"externalscaler.MetricValue":           {"1 metricName optional string", "2 metricValue optional int64", "3 metricValueFloat optional double"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var methods []string
	for i := range file.Services().Get(0).Methods().Len() {
		methods = append(methods, string(file.Services().Get(0).Methods().Get(i).FullName()))
	}
	if diff := cmp.Diff([]string{
		"externalscaler.ExternalScaler.IsActive", "externalscaler.ExternalScaler.StreamIsActive",
		"externalscaler.ExternalScaler.GetMetricSpec", "externalscaler.ExternalScaler.GetMetrics",
	}, methods); diff != "" {
		t.Error(diff)
	}
}
