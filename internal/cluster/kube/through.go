package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// Through reaches a Service's port, by its name or number, from outside of the cluster, as kubectl port-forward does: through the API server
// to the kubelet of a pod that is ready, and there into the pod. So NetworkPolicies do not stand in the way, which may keep the
// API server's own proxy from a pod on another node. The host of requests is only a name. It takes the rights to get services, to
// list pods and to create pods/portforward.
func (c *Client) Through(namespace, service, port string) http.RoundTripper {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return c.dial(ctx, namespace, service, port)
		},
		MaxIdleConnsPerHost: 1, IdleConnTimeout: 30 * time.Second,
	}
}

func (c *Client) dial(ctx context.Context, namespace, service, port string) (net.Conn, error) {
	pod, number, err := c.behind(ctx, namespace, service, port)
	if err != nil {
		return nil, err
	}
	act := fmt.Sprintf("connecting to port %d of pod %s", number, pod)
	var tunnel net.Conn
	established := make(chan error, 1)
	go func() { // the library knows no context
		var err error
		tunnel, err = c.forward(namespace, pod, number)
		established <- err
	}()
	select {
	case err := <-established:
		if err != nil {
			return nil, c.explained(act, "Pod", err)
		}
		return tunnel, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", act, context.Cause(ctx))
	}
}

// behind finds a pod of a Service that is ready, and the number of its port.
func (c *Client) behind(ctx context.Context, namespace, service, port string) (pod string, number int64, err error) {
	s, there, err := c.Get(ctx, Ref{"Service", namespace, service})
	if err == nil && !there {
		err = fmt.Errorf("there is no Service %s in the namespace %s", service, namespace)
	}
	if err != nil {
		return "", 0, err
	}
	target := targetOf(s, port)
	pods, err := c.List(ctx, Query{Kind: "Pod", Namespace: namespace, Labels: selectorOf(s)})
	if err != nil {
		return "", 0, err
	}
	for _, p := range pods {
		if number := portOf(p, target); number > 0 && podReady(p) && !p.Deleting() {
			return p.Name(), number, nil
		}
	}
	return "", 0, fmt.Errorf("no pod of the Service %s is ready", service)
}

// targetOf is the targetPort, a name or a number in digits, of a Service's port that is given as either.
func targetOf(service Object, port string) string {
	for _, p := range service.List("spec", "ports") {
		if p.Text("name") != port && strconv.FormatInt(p.Number("port"), 10) != port {
			continue
		}
		for _, field := range []string{"targetPort", "port"} {
			if text := p.Text(field); text != "" {
				return text
			}
			if n := p.Number(field); n > 0 {
				return strconv.FormatInt(n, 10)
			}
		}
	}
	return ""
}

// portOf is the number of a pod's port; 0: it has none of that name.
func portOf(pod Object, target string) int64 {
	if n, err := strconv.ParseInt(target, 10, 32); err == nil {
		return n
	}
	for _, c := range pod.List("spec", "containers") {
		for _, p := range c.List("ports") {
			if p.Text("name") == target {
				return p.Number("containerPort")
			}
		}
	}
	return 0
}

func selectorOf(service Object) string {
	set, _ := service.At("spec", "selector").(map[string]any)
	want := labels.Set{}
	for key, value := range set {
		want[key], _ = value.(string)
	}
	return want.String()
}

func podReady(p Object) bool {
	for _, c := range p.List("status", "conditions") {
		if c.Text("type") == string(corev1.PodReady) {
			return c.Text("status") == string(corev1.ConditionTrue)
		}
	}
	return false
}

// forward opens a stream to a pod's port: by SPDY in a WebSocket, as the API server prefers it since Kubernetes 1.31, else by SPDY.
func (c *Client) forward(namespace, pod string, port int64) (net.Conn, error) {
	at := c.core.Post().Namespace(namespace).Resource("pods").Name(pod).SubResource("portforward").URL()
	modern, err := portforward.NewSPDYOverWebsocketDialer(at, c.config)
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, at)
	dialer := portforward.NewFallbackDialer(modern, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
	connection, protocol, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, err
	}
	if protocol != portforward.PortForwardProtocolV1Name {
		return nil, errors.Join(fmt.Errorf("the API server speaks %q, not %q", protocol, portforward.PortForwardProtocolV1Name), connection.Close())
	}
	t, err := openTunnel(connection, port)
	if err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return t, nil
}

// tunnel is a connection to a pod's port.
type tunnel struct {
	httpstream.Stream
	connection httpstream.Connection
	complaint  chan error // what the kubelet says when the port cannot be reached
}

// openTunnel makes the two streams of the protocol: one for errors, one for what is said.
func openTunnel(c httpstream.Connection, port int64) (*tunnel, error) {
	headers := http.Header{}
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	headers.Set(corev1.PortHeader, strconv.FormatInt(port, 10))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	wrong, err := c.CreateStream(headers)
	if err != nil {
		return nil, fmt.Errorf("opening the stream of errors: %w", err)
	}
	if err := wrong.Close(); err != nil { // nothing is written to it
		return nil, fmt.Errorf("opening the stream of errors: %w", err)
	}
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	stream, err := c.CreateStream(headers)
	if err != nil {
		return nil, fmt.Errorf("opening the stream: %w", err)
	}
	t := &tunnel{stream, c, make(chan error, 1)}
	go func() {
		text, err := io.ReadAll(io.LimitReader(wrong, logLimit))
		if err == nil && len(text) > 0 {
			t.complaint <- errors.New(string(text))
		}
		close(t.complaint)
	}()
	return t, nil
}

// Read says the kubelet's reason where there is one; it comes on its own stream, perhaps after the other one's end.
func (t *tunnel) Read(b []byte) (int, error) {
	n, err := t.Stream.Read(b)
	if err != nil {
		select {
		case said, there := <-t.complaint:
			if there {
				return n, said
			}
		case <-time.After(time.Second):
		}
	}
	return n, err //nolint:wrapcheck // io.EOF is a reader's own word
}

func (t *tunnel) Close() error                     { return t.connection.Close() }
func (t *tunnel) LocalAddr() net.Addr              { return tunnelAddress{} }
func (t *tunnel) RemoteAddr() net.Addr             { return tunnelAddress{} }
func (t *tunnel) SetDeadline(time.Time) error      { return nil } // requests end by their contexts
func (t *tunnel) SetReadDeadline(time.Time) error  { return nil }
func (t *tunnel) SetWriteDeadline(time.Time) error { return nil }

type tunnelAddress struct{}

func (tunnelAddress) Network() string { return "tunnel" }
func (tunnelAddress) String() string  { return "tunnel through the API server" }
