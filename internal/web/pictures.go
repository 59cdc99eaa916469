package web

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"
)

// showPicture serves a stored picture. Device and file come from outside; the album keeps them inside its folder.
func (s *Server) showPicture(w http.ResponseWriter, r *http.Request) {
	if s.o.Pictures == nil {
		http.NotFound(w, r)
		return
	}
	picture, err := s.o.Pictures(r.PathValue("device"), r.PathValue("file"))
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid):
		http.NotFound(w, r)
		return
	case err != nil:
		s.fail(w, r, fmt.Errorf("opening a picture: %w", err))
		return
	}
	defer picture.Close()
	h := w.Header()
	h.Set("Content-Type", "image/jpeg") // whatever lies there is shown as a picture or not at all
	h.Set("Content-Disposition", "inline")
	h.Set("Cache-Control", "private, max-age=86400, immutable") // a name is given to one picture only
	http.ServeContent(w, r, "", time.Time{}, picture)
}
