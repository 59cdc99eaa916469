package web

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"plumbline/internal/ledger"
)

// restFactor bounds what asking for the ledger may cost: for this many times as long as it took, the last one is given again.
const restFactor = 9

// ledgerTimeout bounds one ledger; a million pictures take some seconds.
const ledgerTimeout = 10 * time.Minute

// accounts takes one ledger at a time and keeps the last.
type accounts struct {
	take func(ctx context.Context) (ledger.Report, error)

	turn sync.Mutex // held while one is taken

	mu    sync.Mutex
	last  *ledger.Report
	again time.Time // when the last one is too old
}

// report is a ledger; unless a fresh one is asked for, one that was taken a moment ago will do.
func (a *accounts) report(ctx context.Context, fresh bool) (ledger.Report, error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	if last, again := a.known(); !fresh && last != nil && time.Now().Before(again) {
		return *last, nil
	}
	began := time.Now()
	r, err := a.take(ctx)
	if err != nil {
		return r, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last, a.again = &r, time.Now().Add(restFactor*time.Since(began))
	return r, nil
}

// known is the last ledger, nil when there is none yet.
func (a *accounts) known() (*ledger.Report, time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last, a.again
}

// showLedger answers with a ledger, one that the hub's owner asks for always being fresh.
func (s *Server) showLedger(fresh bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), ledgerTimeout)
		defer cancel()
		// It may take longer than other answers.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(ledgerTimeout)) // else the usual limit holds
		report, err := s.accounts.report(ctx, fresh)
		switch {
		case err == nil:
			writeJSON(w, http.StatusOK, report)
		case fresh:
			s.o.Log.ErrorContext(ctx, "ledger not taken", "error", err)
			writeError(w, http.StatusInternalServerError, fmt.Sprintf("taking the ledger: %v", err))
		default:
			s.fail(w, r, fmt.Errorf("taking the ledger: %w", err))
		}
	}
}
