package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"plumbline/internal/posture"
)

// Server is the page and its neighbours as an http.Handler.
type Server struct {
	o       Options
	page    *page
	hub     *hub
	guard   *guard
	metrics *metrics
	handler http.Handler

	accounts accounts
}

// New builds a Server; it listens only in Run.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	p, err := newPage(o)
	if err != nil {
		return nil, err
	}
	m := newMetrics(o.Registerer, o.Results != nil)
	s := &Server{o: o, page: p, hub: newHub(o.Now(), m), guard: newGuard(o), metrics: m, accounts: accounts{take: o.Ledger}}
	s.handler = s.guard.wrap(s.routes())
	if o.Registerer != nil {
		if err := o.Registerer.Register(newReadinessMetrics(s)); err != nil {
			return nil, fmt.Errorf("registering the metrics of readiness: %w", err)
		}
	}
	return s, nil
}

// ServeHTTP makes a Server an http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, s.metrics.count(pattern, h)) }
	handle("GET /healthz", healthy)
	handle("GET /readyz", s.ready)
	handle("POST /login", s.guard.login)
	s.handleMetrics(mux)
	if s.o.Status != nil {
		handle("GET /status", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, http.StatusOK, s.o.Status(r.Context())) })
	}
	if s.o.Results == nil {
		return mux
	}
	handle("GET /{$}", s.showPage)
	handle("GET /static/{file}", serveStatic)
	handle("GET /favicon.ico", serveFavicon)
	handle("GET /pictures/{device}/{file}", s.showPicture)
	handle("GET /api/v1/results", s.listResults)
	handle("GET /api/v1/latest", s.listLatest)
	handle("GET /api/v1/queue", s.showQueue)
	handle("POST /api/v1/workers/{name}/leave", s.guard.acting(s.askToLeave))
	if s.o.Ledger != nil {
		handle("GET /api/v1/ledger", s.showLedger(false))
	}
	mux.HandleFunc("GET /events", s.streamEvents) // not timed: it lasts as long as somebody watches
	return mux
}

// handleMetrics serves /metrics, which is not counted among the requests.
func (s *Server) handleMetrics(mux *http.ServeMux) {
	if s.o.Gatherer != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(s.o.Gatherer, promhttp.HandlerOpts{}))
	}
}

// MetricsHandler serves /metrics and nothing else, without a token, to whoever reaches the address that it listens on: for a
// Prometheus that shows none.
func (s *Server) MetricsHandler(listen string) http.Handler {
	mux := http.NewServeMux()
	s.handleMetrics(mux)
	return newGuard(Options{Listen: listen, Hosts: s.o.Hosts}).wrap(mux)
}

// Publish shows a result that has just been recorded to everyone who watches. It never blocks: a watcher that cannot keep
// up is dropped, connects again and reads the page anew.
func (s *Server) Publish(r posture.Result) {
	r.Annotated = nil // it is fetched by name; held here it would keep a picture alive for each event in a buffer
	s.hub.publish(s.page.event(r))
}

// Listen opens the address of the Options.
func (s *Server) Listen() (net.Listener, error) {
	l, err := net.Listen("tcp", s.o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listening for HTTP: %w", err)
	}
	return l, nil
}

// Run serves on l until ctx ends, then lets answers in hand finish and sends watchers home.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	return serve(ctx, l, s, s.hub.close)
}

// Serve runs any handler (AdminHandler on the hub's socket) with the same limits until ctx ends.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	return serve(ctx, l, h, func() {})
}

// How long a client may take. Event streams lift the write limit for themselves.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	closeTimeout  = 5 * time.Second
	maxHeader     = 64 << 10
)

func serve(ctx context.Context, l net.Listener, h http.Handler, stop func()) error {
	server := &http.Server{
		Handler: h, MaxHeaderBytes: maxHeader, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving HTTP: %w", err)
	case <-ctx.Done():
	}
	stop() // before Shutdown, which waits for event streams and would wait for ever
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := server.Shutdown(closing); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(fmt.Errorf("ending HTTP: %w", err), server.Close())
	}
	return nil
}
