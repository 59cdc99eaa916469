package album

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// abandonedAfter is when a half-written picture is taken for the remains of a crash.
const abandonedAfter = time.Hour

// Swept says what a sweep found and deleted.
type Swept struct {
	Kept, Deleted           int
	KeptBytes, DeletedBytes int64
}

// picture is one of our files.
type picture struct {
	path     string
	received time.Time
	bytes    int64
}

// Run sweeps now and then every Options.Every, until ctx ends. A sweep that goes wrong is logged and tried again at its time.
func (a *Album) Run(ctx context.Context) error {
	tick := time.NewTicker(a.o.Every)
	defer tick.Stop()
	for {
		if _, err := a.Sweep(ctx); err != nil && ctx.Err() == nil {
			a.o.Log.Error("sweeping old pictures", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Sweep deletes, oldest first, the pictures beyond Options.MaxAge and MaxBytes, and remains of crashes. Their age is in their
// names, so that a copied folder keeps it.
func (a *Album) Sweep(ctx context.Context) (Swept, error) {
	pictures, err := a.list(ctx)
	if err != nil {
		return Swept{}, err
	}
	slices.SortFunc(pictures, func(x, y picture) int {
		return cmp.Or(x.received.Compare(y.received), strings.Compare(x.path, y.path))
	})
	swept := Swept{Kept: len(pictures)}
	for _, p := range pictures {
		swept.KeptBytes += p.bytes
	}
	for _, p := range pictures {
		reason := a.reasonToDelete(p, swept.KeptBytes)
		if reason == "" || ctx.Err() != nil {
			break // all others are younger
		}
		if err := a.root.Remove(p.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return swept, fmt.Errorf("deleting an old picture: %w", err)
		}
		swept.remove(p)
		a.metrics.deleted.WithLabelValues(reason).Inc()
		a.metrics.deletedBytes.WithLabelValues(reason).Add(float64(p.bytes))
	}
	a.metrics.pictures.Set(float64(swept.Kept))
	a.metrics.bytes.Set(float64(swept.KeptBytes))
	if swept.Deleted > 0 {
		a.o.Log.Info("old pictures deleted", slog.Int("pictures", swept.Deleted), slog.Int64("bytes", swept.DeletedBytes))
	}
	return swept, ctx.Err()
}

func (s *Swept) remove(p picture) {
	s.Kept, s.KeptBytes = s.Kept-1, s.KeptBytes-p.bytes
	s.Deleted, s.DeletedBytes = s.Deleted+1, s.DeletedBytes+p.bytes
}

func (a *Album) reasonToDelete(p picture, total int64) string {
	switch {
	case a.o.MaxAge > 0 && a.o.Now().Sub(p.received) > a.o.MaxAge:
		return "age"
	case a.o.MaxBytes > 0 && total > a.o.MaxBytes:
		return "size"
	}
	return ""
}

// list finds our pictures: regular files with a name of ours in a folder with a name of ours.
func (a *Album) list(ctx context.Context) ([]picture, error) {
	folders, err := fs.ReadDir(a.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("listing the pictures' folder: %w", err)
	}
	var pictures []picture
	for _, folder := range folders {
		if !folder.IsDir() || !strings.HasPrefix(folder.Name(), folderPrefix) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		files, err := fs.ReadDir(a.root.FS(), folder.Name())
		if err != nil {
			return nil, fmt.Errorf("listing pictures: %w", err)
		}
		pictures = a.pick(pictures, folder.Name(), files)
	}
	return pictures, nil
}

func (a *Album) pick(pictures []picture, folder string, files []fs.DirEntry) []picture {
	for _, file := range files {
		info, err := file.Info()
		if err != nil || !info.Mode().IsRegular() { // gone meanwhile, or no file of ours
			continue
		}
		path := folder + "/" + file.Name()
		if received, ok := receivedAt(file.Name()); ok {
			pictures = append(pictures, picture{path: path, received: received, bytes: info.Size()})
		} else if temporary.MatchString(file.Name()) && a.o.Now().Sub(info.ModTime()) > abandonedAfter {
			a.root.Remove(path) //nolint:errcheck // the next sweep tries again
		}
	}
	return pictures
}
