package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type readyCommand struct {
	URL     string        `arg:"" optional:"" help:"Where the process serves HTTP." default:"http://127.0.0.1:8080"`
	Timeout time.Duration `help:"How long to wait for its answer." default:"4s"`
}

// Help shows examples.
func (readyCommand) Help() string {
	return `Asks a running hub, worker, controller or exporter for its /readyz, prints the answer and ends with 0 when it is ready, else with 1:
a health check for containers, whose images have no other program to ask with.

Examples:
  plumbline ready                          # the hub on this machine
  plumbline ready http://127.0.0.1:9091    # a worker that runs with --http-listen 127.0.0.1:9091`
}

// mostOfReadyz bounds what is printed of the answer.
const mostOfReadyz = 64 << 10

func (c *readyCommand) Run(ctx context.Context, p *Process) error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return misused(fmt.Errorf("%q is no address such as http://127.0.0.1:8080", c.URL))
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.URL, "/")+"/readyz", http.NoBody)
	if err != nil {
		return misused(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking whether it is ready: %w", err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(p.Stdout, io.LimitReader(response.Body, mostOfReadyz)); err != nil {
		return fmt.Errorf("reading whether it is ready: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return errors.New("not ready: " + response.Status)
	}
	return nil
}
