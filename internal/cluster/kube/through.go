package kube

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Through reaches a Service's port, by its name, through the API server, from outside of the cluster: the address of requests
// is replaced, http://anything/status asks for /status. It needs the right to get (or create, for POST) services/proxy.
//
// The API server takes the Authorization header for itself; who is asked behind it must be shown something else, a cookie.
func (c *Client) Through(namespace, service, port string) http.RoundTripper {
	return &through{c, "/api/v1/namespaces/" + url.PathEscape(namespace) + "/services/http:" + url.PathEscape(service) + ":" + url.PathEscape(port) + "/proxy"}
}

type through struct {
	client *Client
	prefix string
}

// RoundTrip sends one request.
func (t *through) RoundTrip(r *http.Request) (*http.Response, error) {
	base, err := url.Parse(t.client.server)
	if err != nil {
		return nil, fmt.Errorf("the address of the cluster: %w", err)
	}
	r = r.Clone(r.Context())
	asked := r.URL
	r.URL, r.Host = &url.URL{Scheme: base.Scheme, Host: base.Host, Path: path.Join("/", base.Path, t.prefix) + asked.Path, RawQuery: asked.RawQuery}, ""
	r.Header.Del("Authorization")
	answer, err := t.client.http.RoundTrip(r)
	if err != nil {
		return nil, t.client.explained("asking through the API server", "", err)
	}
	return answer, nil
}

// logLimit is how many bytes of a log are read.
const logLimit = 64 << 10

// LastLines gives the end of a container's log; of the one before its restart with previous.
func (c *Client) LastLines(ctx context.Context, namespace, pod, container string, previous bool, lines int) (string, error) {
	text, err := c.core.Get().Namespace(namespace).Resource("pods").Name(pod).SubResource("log").
		Param("container", container).Param("previous", strconv.FormatBool(previous)).
		Param("tailLines", strconv.Itoa(lines)).Param("limitBytes", strconv.Itoa(logLimit)).Do(ctx).Raw()
	if err != nil {
		return "", c.explained("reading the log of "+pod, "Pod", err)
	}
	return strings.TrimRight(string(text), "\n"), nil
}
