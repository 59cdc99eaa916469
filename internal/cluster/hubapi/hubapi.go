// Package hubapi reads a hub's backlog and workers over its HTTP API, and asks a worker to leave. Of several hubs of one
// installation any will do: the one that answered last is asked first, the others when it does not.
//
// It refuses to remember: what could not be read just now is an error, never what was read before.
package hubapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// ErrNoSuchWorker says that no worker of that name is present.
var ErrNoSuchWorker = errors.New("no such worker is present")

// Queue is the backlog and who works on it; see docs/workers.md.
type Queue struct {
	Waiting int       `json:"waiting"`
	Leased  int       `json:"leased"`
	Dead    int       `json:"dead"`
	Oldest  time.Time `json:"oldest_waiting_at"` // zero: nothing waits
	Workers []Worker  `json:"workers"`
}

// Worker is a worker of another process.
type Worker struct {
	Name    string    `json:"name"` // the pod's
	Node    string    `json:"node"`
	Since   time.Time `json:"since"`
	Claimed bool      `json:"claimed"` // a capture at least once
	InHand  []string  `json:"in_hand"`
	Heard   time.Time `json:"heard_at"`
	Leaving bool      `json:"leaving"`
}

// Options say where the hubs are.
type Options struct {
	URLs      []string      // http://host:port or https://…
	TokenFile string        // read again for each request, so that a renewed token is used; empty: none is asked for
	Timeout   time.Duration // for one hub; 2 s
	Transport http.RoundTripper
}

// Client asks hubs. It is safe for concurrent use.
type Client struct {
	o     Options
	bases []string
	http  http.Client

	mu   sync.Mutex
	good int // index of the hub that answered last
}

const (
	defaultTimeout = 2 * time.Second
	largestAnswer  = 16 << 20 // bytes; ten thousand workers take some two million
)

// New checks the addresses.
func New(o Options) (*Client, error) {
	if len(o.URLs) == 0 {
		return nil, errors.New("no address of a hub given")
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	c := &Client{o: o, http: http.Client{Transport: o.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the token is for this hub only
	}}}
	for _, text := range o.URLs {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
			return nil, fmt.Errorf("%q is no address of a hub: give http://HOST:PORT or https://HOST:PORT, and a token in its file", redacted(text))
		}
		c.bases = append(c.bases, strings.TrimRight(u.String(), "/"))
	}
	return c, nil
}

// redacted keeps what may be a password out of an error.
func redacted(text string) string {
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		return "…" + text[at:]
	}
	return text
}

// Queue reads the present backlog.
func (c *Client) Queue(ctx context.Context) (q Queue, err error) {
	err = c.each(ctx, func(ctx context.Context, base string) error {
		text, err := c.ask(ctx, http.MethodGet, base+"/api/v1/queue")
		if err != nil {
			return err
		}
		q = Queue{Waiting: -1}
		if err := json.Unmarshal(text, &q); err != nil || q.Waiting < 0 {
			return fmt.Errorf("the hub at %s does not answer with a backlog: is it an address of plumbline serve?", base)
		}
		return nil
	})
	if err != nil {
		return Queue{}, fmt.Errorf("reading the hub's backlog: %w", err)
	}
	return q, nil
}

// AskToLeave asks the workers of a name to finish and to end. ErrNoSuchWorker (wrapped) says that there is none.
func (c *Client) AskToLeave(ctx context.Context, name string) error {
	err := c.each(ctx, func(ctx context.Context, base string) error {
		_, err := c.ask(ctx, http.MethodPost, base+"/api/v1/workers/"+url.PathEscape(name)+"/leave")
		return err
	})
	if err != nil {
		return fmt.Errorf("asking worker %s to leave: %w", name, err)
	}
	return nil
}

// each tries the hubs until one answers, beginning with the one that answered last.
func (c *Client) each(ctx context.Context, try func(context.Context, string) error) error {
	c.mu.Lock()
	first := c.good
	c.mu.Unlock()
	var errs []error
	for i := range c.bases {
		n := (first + i) % len(c.bases)
		short, cancel := context.WithTimeout(ctx, c.o.Timeout)
		err := try(short, c.bases[n])
		cancel()
		if err == nil || errors.Is(err, ErrNoSuchWorker) {
			c.mu.Lock()
			c.good = n
			c.mu.Unlock()
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *Client) ask(ctx context.Context, method, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking the hub: %w", err)
	}
	if c.o.TokenFile != "" {
		token, err := os.ReadFile(c.o.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("reading the hub's token: %w", err)
		}
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names method and address
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, largestAnswer))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the answer of %s: %w", address, err)
	case answer.StatusCode < http.StatusMultipleChoices:
		return text, nil
	case answer.StatusCode == http.StatusNotFound && method == http.MethodPost:
		return nil, ErrNoSuchWorker
	case answer.StatusCode == http.StatusUnauthorized:
		return nil, fmt.Errorf("%s refuses the token: give a copy of the hub's --http-token-file", address)
	}
	return nil, fmt.Errorf("%s answers %s: %s", address, answer.Status, complaint(text))
}

// complaint is the hub's own sentence, where it has one.
func complaint(text []byte) string {
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(text, &said) == nil && said.Error != "" {
		return said.Error
	}
	return strings.TrimSpace(string(text[:min(200, len(text))]))
}
