package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/manifest"
	"plumbline/internal/web"
)

// hubClient asks a running hub, by its private socket, by the address of its page or through an API server; or a controller.
type hubClient struct {
	http  http.Client
	base  string
	token string // empty where none is asked for
	whom  string // for messages; empty: the running hub
}

func (c *hubClient) name() string {
	if c.whom == "" {
		return "the running hub"
	}
	return c.whom
}

// plain leaves out an address that only we made up, as that of one who is asked through something else.
func (c *hubClient) plain(err error) error {
	var web *url.Error
	if c.whom != "" && errors.As(err, &web) {
		return web.Err
	}
	return err
}

// newControllerClient asks one of the controller's pods, through the API server.
func newControllerClient(client *kube.Client) *hubClient {
	way := client.Through(client.Namespace(), manifest.Control, "metrics")
	return &hubClient{http: http.Client{Transport: way}, base: "http://" + manifest.Control, whom: "the controller"}
}

// Status is what the controller sees.
func (c *hubClient) Status(ctx context.Context) (r controlReport, err error) {
	err = c.do(ctx, http.MethodGet, "/status", &r)
	return r, err
}

func newHubClient(socket string) *hubClient {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &hubClient{http: http.Client{Transport: &http.Transport{DialContext: dial}}, base: "http://hub"}
}

func (c *hubClient) List(ctx context.Context) ([]web.DeadLetter, error) {
	var answer struct {
		Dead []web.DeadLetter `json:"dead"`
	}
	err := c.do(ctx, http.MethodGet, "/api/v1/dead", &answer)
	return answer.Dead, err
}

func (c *hubClient) Get(ctx context.Context, id string) (l web.DeadLetter, err error) {
	err = c.do(ctx, http.MethodGet, "/api/v1/dead/"+url.PathEscape(id), &l)
	return l, err
}

func (c *hubClient) Replay(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPost, "/api/v1/dead/"+url.PathEscape(id)+"/replay", nil)
}

func (c *hubClient) Drop(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/dead/"+url.PathEscape(id), nil)
}

func (c *hubClient) do(ctx context.Context, method, path string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, http.NoBody)
	if err != nil {
		return fmt.Errorf("asking %s: %w", c.name(), err)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("asking %s: %w", c.name(), c.plain(err))
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		return c.complaint(response)
	}
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", c.name(), err)
	}
	return nil
}

// complaint is the asked one's own sentence.
func (c *hubClient) complaint(response *http.Response) error {
	var said struct {
		Error string `json:"error"`
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err == nil && json.Unmarshal(text, &said) == nil && said.Error != "" {
		return errors.New(said.Error)
	}
	return fmt.Errorf("%s answered %s", c.name(), response.Status)
}
