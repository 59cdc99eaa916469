package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/web"
)

// healthListener is what roles without a page show: /metrics, /healthz and /readyz.
type healthListener struct {
	role              string // as the metric of readiness says it
	listen, tokenFile string
	anonymous         bool
	registry          *prometheus.Registry
	checks            []web.Check
	status            func(context.Context) any // shown as JSON on /status; may be nil
	log               *slog.Logger
}

// start serves until the stages stop, and gives the address.
func (h healthListener) start(s *stages) (string, error) {
	token := ""
	if h.tokenFile != "" {
		var err error
		if token, err = web.ReadToken(h.tokenFile); err != nil {
			return "", misused(err)
		}
	}
	server, err := web.New(web.Options{
		Role: h.role, Listen: h.listen, Token: token, Anonymous: h.anonymous, Gatherer: h.registry, Registerer: h.registry,
		Checks: h.checks, Status: h.status, Log: h.log.With("component", "web"),
	})
	if err != nil {
		return "", misused(err)
	}
	listener, err := net.Listen("tcp", h.listen)
	if err != nil {
		return "", fmt.Errorf("health and metrics cannot be served (another program may hold the address; choose one with --http-listen): %w", err)
	}
	address := listener.Addr().String()
	h.log.Info("health and metrics", "address", address)
	s.start("health", func(ctx context.Context) error { return server.Run(ctx, listener) })
	return address, nil
}
