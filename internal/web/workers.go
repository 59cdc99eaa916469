package web

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
)

// workers is what web needs to know of workers elsewhere. AskToLeave asks all of a name; when there is none the error is
// fs.ErrNotExist (wrapped or not).
type workers interface {
	Workers() []Worker
	AskToLeave(name string) error
}

// queueJSON is the backlog and who works on it.
type queueJSON struct {
	Depth
	Workers []Worker `json:"workers"`
}

func (s *Server) showQueue(w http.ResponseWriter, r *http.Request) {
	depth, err := s.o.Queue(r.Context())
	if err != nil {
		s.fail(w, r, fmt.Errorf("reading the queue's depth: %w", err))
		return
	}
	all := []Worker{}
	if s.o.Workers != nil {
		all = append(all, s.o.Workers.Workers()...)
	}
	writeJSON(w, http.StatusOK, queueJSON{depth, all})
}

// askToLeave passes on to a worker that it is to finish what it has in hand and to end. It answers when that is on its way.
func (s *Server) askToLeave(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	err := fs.ErrNotExist
	if s.o.Workers != nil {
		err = s.o.Workers.AskToLeave(name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		writeError(w, http.StatusNotFound, fmt.Sprintf("no worker of the name %q is present", name))
	case err != nil:
		s.fail(w, r, err)
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}
