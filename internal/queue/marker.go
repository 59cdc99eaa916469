package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// markerName is a file in a hub's folder that says on which NATS its queue is.
const markerName = "on-nats"

// mark keeps track of where the queue of this folder is. A command that looks at the folder must not take the server
// inside, which has nothing, for the queue; and a queue inside that is left for a NATS outside may still hold pictures.
func (h *Hub) mark() error {
	name := filepath.Join(h.options.Dir, markerName)
	if o := h.options.Outside; o != nil {
		if _, err := os.Stat(filepath.Join(h.options.Dir, "jetstream")); err == nil {
			h.log.Warn("this folder holds a queue of the server inside too; what waits there is analysed by a hub without --nats only", "folder", h.options.Dir)
		}
		if err := os.WriteFile(name, []byte(o.Server.String()+"\n"), 0o600); err != nil {
			return fmt.Errorf("noting where the queue is: %w", err)
		}
		return nil
	}
	text, err := os.ReadFile(name) //nolint:gosec // a file of our own folder
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("reading where the queue is: %w", err)
	case h.options.KeepLimits:
		return fmt.Errorf("the queue of the hub that last ran in %s is on NATS at %s: name it with --nats", h.options.Dir, strings.TrimSpace(string(text)))
	}
	h.log.Warn("the hub that last ran in this folder had its queue on a NATS outside; what waits there is analysed by a hub with --nats only", "nats", strings.TrimSpace(string(text)))
	if err := os.Remove(name); err != nil {
		return fmt.Errorf("noting where the queue is: %w", err)
	}
	return nil
}
