package cli

import (
	"context"
	"time"
)

// rowsEvery is how often rows beyond their age are removed.
const rowsEvery = time.Hour

// startRetention removes old rows now and then, when asked to.
func (h *hub) startRetention(context.Context) error {
	if h.config.RowsMaxAge > 0 {
		h.stages.start("retention of rows", h.removeOldRows)
	}
	return nil
}

// removeOldRows goes on until ctx ends. What goes wrong is tried again at its time.
func (h *hub) removeOldRows(ctx context.Context) error {
	tick := time.NewTicker(rowsEvery)
	defer tick.Stop()
	for log := h.part("retention"); ; {
		removed, err := h.store.RemoveRows(ctx, time.Now().Add(-h.config.RowsMaxAge.Duration()), h.config.JournalAge.Duration())
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			log.Error("old rows are not removed", "error", err)
		case removed > 0:
			log.Info("old rows removed", "rows", removed)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
