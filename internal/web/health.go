package web

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// checkTimeout is how long one check may take before it counts as failed.
const checkTimeout = 3 * time.Second

// healthy says that the process answers, and nothing about what it depends on: an orchestrator restarts what is not
// healthy, which mends no database.
func healthy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// readiness is the answer of /readyz. Ready means that pictures are accepted: an orchestrator sends devices to nobody who is
// not. Reasons name paths and addresses and so are only for those who may look.
type readiness struct {
	Ready    bool              `json:"ready"`
	Degraded bool              `json:"degraded,omitempty"` // pictures wait for what a check misses
	Checks   map[string]string `json:"checks"`
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	answer := readiness{Ready: true, Checks: map[string]string{}}
	outcomes := s.runChecks(r.Context())
	for _, check := range s.o.Checks {
		err := outcomes[check.Name]
		answer.Checks[check.Name] = check.well()
		if err == nil {
			continue
		}
		answer.Ready, answer.Degraded = answer.Ready && check.Degrades, true
		answer.Checks[check.Name] = "failed"
		if s.guard.allows(r) {
			answer.Checks[check.Name] = err.Error()
		}
	}
	answer.Degraded = answer.Degraded && answer.Ready
	code := http.StatusOK
	if !answer.Ready {
		code = http.StatusServiceUnavailable
	}
	writeJSON(w, code, answer)
}

func (c Check) well() string {
	if c.Well != nil {
		if text := c.Well(); text != "" {
			return text
		}
	}
	return "ok"
}

// runChecks runs all checks at once. One that outlasts its time is left behind and counts as failed.
func (s *Server) runChecks(ctx context.Context) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	outcomes := make([]chan error, len(s.o.Checks))
	for i, check := range s.o.Checks {
		outcomes[i] = make(chan error, 1)
		go func() { outcomes[i] <- check.Ready(ctx) }()
	}
	all := make(map[string]error, len(outcomes))
	for i, check := range s.o.Checks {
		select {
		case all[check.Name] = <-outcomes[i]:
		case <-ctx.Done():
			all[check.Name] = errors.New("no answer within 3 s")
		}
	}
	return all
}
