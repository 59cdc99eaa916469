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

	"plumbline/internal/web"
)

// hubClient asks a running hub, by its private socket or by the address of its page.
type hubClient struct {
	http  http.Client
	base  string
	token string // empty where none is asked for
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
		return fmt.Errorf("asking the running hub: %w", err)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("asking the running hub: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		return hubComplaint(response)
	}
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("reading the running hub's answer: %w", err)
	}
	return nil
}

// hubComplaint is the hub's own sentence.
func hubComplaint(response *http.Response) error {
	var said struct {
		Error string `json:"error"`
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err == nil && json.Unmarshal(text, &said) == nil && said.Error != "" {
		return errors.New(said.Error)
	}
	return fmt.Errorf("the running hub answered %s", response.Status)
}
