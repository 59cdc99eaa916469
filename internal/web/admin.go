package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"
)

// DeadLetter is a capture, or what came instead of one, that was given up, with the reason.
type DeadLetter struct {
	ID       string    `json:"id"`
	Device   string    `json:"device"`
	Topic    string    `json:"topic"`
	Source   string    `json:"source_filename,omitempty"` // the sender's word, not to be trusted
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`              // when it was given up, UTC
	Bytes    int       `json:"bytes"`           // of what was received
	SHA256   string    `json:"sha256"`          // of what was received, hexadecimal
	Attempts int       `json:"attempts"`        // analyses that went wrong
	Head     []byte    `json:"head,omitempty"`  // the first bytes; only for a single letter
	Replay   bool      `json:"can_be_replayed"` // false when not all of it was kept
}

// deadLetters is what AdminHandler needs of the queue. An id that is not known is fs.ErrNotExist.
type deadLetters interface {
	List(ctx context.Context) ([]DeadLetter, error)
	Get(ctx context.Context, id string) (DeadLetter, error)
	Replay(ctx context.Context, id string) error
	Drop(ctx context.Context, id string) error
}

// AdminHandler serves what changes the queue, without a token: it belongs on a socket that only the hub's owner can open.
func (s *Server) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	if s.o.Dead != nil {
		mux.HandleFunc("GET /api/v1/dead", s.listDead)
		mux.HandleFunc("GET /api/v1/dead/{id}", s.showDead)
		mux.HandleFunc("POST /api/v1/dead/{id}/replay", s.changeDead("replaying a dead letter", s.o.Dead.Replay))
		mux.HandleFunc("DELETE /api/v1/dead/{id}", s.changeDead("dropping a dead letter", s.o.Dead.Drop))
	}
	if s.o.Ledger != nil {
		mux.HandleFunc("GET /api/v1/ledger", s.showLedger(true))
	}
	mux.HandleFunc("GET /api/v1/queue", s.showQueue)
	mux.HandleFunc("POST /api/v1/workers/{name}/leave", s.askToLeave)
	mux.HandleFunc("GET /healthz", healthy)
	return mux
}

func (s *Server) listDead(w http.ResponseWriter, r *http.Request) {
	letters, err := s.o.Dead.List(r.Context())
	if err != nil {
		s.failDead(w, r, "listing dead letters", err)
		return
	}
	for i := range letters {
		letters[i].Head = nil
	}
	if letters == nil {
		letters = []DeadLetter{}
	}
	writeJSON(w, http.StatusOK, map[string][]DeadLetter{"dead": letters})
}

func (s *Server) showDead(w http.ResponseWriter, r *http.Request) {
	letter, err := s.o.Dead.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		s.failDead(w, r, "reading a dead letter", err)
		return
	}
	writeJSON(w, http.StatusOK, letter)
}

func (s *Server) changeDead(act string, change func(context.Context, string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := change(r.Context(), r.PathValue("id")); err != nil {
			s.failDead(w, r, act, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// failDead tells the reason, unlike fail: whoever opens the hub's socket is its owner.
func (s *Server) failDead(w http.ResponseWriter, r *http.Request, act string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		writeError(w, http.StatusNotFound, fmt.Sprintf("no dead letter has the id %q", r.PathValue("id")))
		return
	}
	s.o.Log.ErrorContext(r.Context(), "dead letters not served", "act", act, "error", err)
	writeError(w, http.StatusInternalServerError, fmt.Sprintf("%s: %v", act, err))
}
