package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/ledger"
	"plumbline/internal/posture"
)

// Entry is a recorded result with the number of its row. A row of the system that Plumbline replaces has no CaptureID.
type Entry struct {
	ID int64
	posture.Result
}

// Query asks for entries, newest first.
type Query struct {
	Device   string // empty means every device
	BeforeID int64  // only rows with a smaller number; 0 means from the newest
	Limit    int
}

// results is what web reads of the store.
type results interface {
	Latest(ctx context.Context) ([]Entry, error) // the newest of each device
	Recent(ctx context.Context, q Query) ([]Entry, error)
}

// Depth is how full the queue is.
type Depth struct {
	Waiting int `json:"waiting"` // nobody has taken them yet
	Leased  int `json:"leased"`  // being analysed
	Dead    int `json:"dead"`    // could not be analysed

	OldestWaiting time.Time `json:"oldest_waiting_at,omitzero"` // when the oldest of those that wait was accepted
}

// Worker is a worker of another process, as the hub hears of it.
type Worker struct {
	Name    string    `json:"name"` // in Kubernetes the pod's
	Node    string    `json:"node"`
	Since   time.Time `json:"since"`
	Claimed bool      `json:"claimed"` // a capture at least once
	InHand  []string  `json:"in_hand"` // capture ids
	Heard   time.Time `json:"heard_at"`
	Leaving bool      `json:"leaving,omitempty"` // was asked to end
}

// Check is one thing that must be in order for the hub to be ready. Ready says what is wrong.
type Check struct {
	Name  string
	Ready func(ctx context.Context) error
	// Degrades: without it the hub still takes what comes and loses nothing, so it stays ready, and says that it is degraded.
	Degrades bool
	// Well is what to say while nothing is wrong; nil or "": ok.
	Well func() string
}

// Options are what a Server is made of; whatever is left out is not served. Without Results, as beside a worker that has
// none, there is no page, only health and metrics.
type Options struct {
	Listen    string   // host:port
	Hosts     []string // further host names to answer to on loopback, such as a reverse proxy's
	Token     string   // what clients must present; empty asks for none
	Anonymous bool     // let everyone look who reaches an address beyond loopback

	Results results
	// Pictures opens a stored picture; fs.ErrNotExist (wrapped or not) means that there is none.
	Pictures func(device, file string) (io.ReadSeekCloser, error)
	Queue    func(ctx context.Context) (Depth, error)
	Workers  workers     // of other processes
	Dead     deadLetters // only AdminHandler serves them
	Checks   []Check
	Status   func(context.Context) any // what GET /status shows as JSON; nil: there is none
	// Ledger compares everything that was accepted with where it is now. It is costly, so it is called for one who asks at a time.
	Ledger func(ctx context.Context) (ledger.Report, error)

	Role        string // of this process, in the metric of readiness
	MQTTAddress string // host:port to name where the page tells how to send a first picture
	Heartbeat   time.Duration
	Gatherer    prometheus.Gatherer   // what /metrics shows
	Registerer  prometheus.Registerer // where web's own metrics go
	Log         *slog.Logger
	Now         func() time.Time
}

// shortestToken keeps tokens out of guessing's reach; `openssl rand -hex 16` makes one of 32.
const shortestToken = 16

func (o Options) validate() error {
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return fmt.Errorf("address to listen on: %w", err)
	}
	switch {
	case o.Token != "" && o.Anonymous:
		return errors.New("a token and anonymous access exclude each other: give --http-token-file or --http-anonymous")
	case o.Token != "" && len(o.Token) < shortestToken:
		return fmt.Errorf("the HTTP token has %d characters: it needs at least %d", len(o.Token), shortestToken)
	case !isLoopback(host) && o.Token == "" && !o.Anonymous:
		return fmt.Errorf("listening on %s would show %s to everyone who reaches that address: give "+
			"--http-token-file FILE (a secret of at least %d characters), or --http-anonymous if that is what you want", o.Listen, o.shown(), shortestToken)
	}
	return nil
}

func (o Options) shown() string {
	if o.Results == nil {
		return "metrics"
	}
	return "pictures of people"
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = 5 * time.Second
	}
	if o.Queue == nil {
		o.Queue = func(context.Context) (Depth, error) { return Depth{}, nil }
	}
	if o.MQTTAddress == "" {
		o.MQTTAddress = "127.0.0.1:1883"
	}
	return o
}

// isLoopback tells whether a host, as written in an address or a Host header, is this machine alone. An empty host listens
// everywhere.
func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}
