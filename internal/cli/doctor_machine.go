package cli

import (
	"context"
	"errors"
	"image"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"plumbline/internal/config"
	"plumbline/internal/datadir"
	"plumbline/internal/demo/people"
	"plumbline/internal/store"
)

// lookAtSettings finds what reading the command line lets pass.
func lookAtSettings(_ context.Context, e *examination) {
	if _, err := judge(e.config.Judging, e.file, e.config.Model); err != nil {
		e.wrong("%v", err)
		return
	}
	if e.file.path != "" {
		e.fine("%s is read", e.file.path)
	} else {
		e.fine("no configuration file; flags, environment and defaults")
	}
}

// lookAtFolder changes nothing but the lock, which it holds for a moment where the folder is there.
func lookAtFolder(_ context.Context, e *examination) {
	path := e.config.Data.Data
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := writable(existing(path)); err != nil {
			e.wrong("%s is not there and cannot be made: %v", path, err)
			return
		}
		e.fine("%s will be made at the first start", path)
		return
	}
	if err := writable(path); err != nil {
		e.wrong("%s cannot be written to: %v", path, err)
		return
	}
	folder, err := datadir.Lock(path)
	switch {
	case errors.Is(err, datadir.ErrInUse):
		e.running = true
		if hub, err := datadir.ReadHub(path); err == nil {
			e.fine("%s belongs to a running hub (process %d, page http://%s)", path, hub.PID, hub.HTTP)
		} else {
			e.fine("%s belongs to a running hub", path)
		}
	case err != nil:
		e.wrong("%v", err)
	default:
		_ = folder.Close() // nothing was written
		e.fine("%s can be written to, no hub runs on it", path)
	}
}

// existing is the folder itself or the nearest one above that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || filepath.Dir(path) == path {
			return path
		}
		path = filepath.Dir(path)
	}
}

func writable(folder string) error {
	f, err := os.CreateTemp(folder, ".plumbline-doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// littleDisk is where a backlog or a table soon has no room.
const littleDisk = 1 << 30

func lookAtDisk(_ context.Context, e *examination) {
	for _, folder := range []string{e.config.Data.Data, e.config.ImagesDir} {
		if folder == "" || folder == e.config.ImagesDir && e.config.Pictures == "none" {
			continue
		}
		var s syscall.Statfs_t
		if err := syscall.Statfs(existing(folder), &s); err != nil {
			e.warning("the free disk at %s cannot be told: %v", folder, err)
			continue
		}
		free := int64(s.Bavail) * int64(s.Bsize) //nolint:gosec,unconvert // types differ by system; no disk is that large
		if free < littleDisk {
			e.warning("only %d MB free at %s: a full disk stops the hub from accepting pictures", free/1e6, folder)
		} else {
			e.fine("%.1f GB free at %s", float64(free)/1e9, folder)
		}
	}
}

func lookAtModel(_ context.Context, e *examination) {
	if workers(e.config.Workers) == 0 {
		e.fine("not needed: --workers 0 analyses nothing here")
		return
	}
	took, device, err := tryInference(e.config)
	if err != nil {
		e.wrong("%v", err)
		return
	}
	e.fine("%s finds a person on the %s in %d ms", e.config.Model, device, took.Milliseconds())
}

// tryInference analyses a picture that has a person in it.
func tryInference(c *config.Serve) (time.Duration, string, error) {
	rt, err := openInference(c.Inference, slog.New(slog.DiscardHandler))
	if err != nil {
		return 0, "", err
	}
	defer rt.Close() //nolint:errcheck // the process ends soon
	session, err := sessionMaker(rt, limits(c.Limits), 1, "none")()
	if err != nil {
		return 0, "", err
	}
	defer session.Close() //nolint:errcheck // the process ends soon
	picture, err := session.Decode(people.People()[0].Picture, new(image.YCbCr))
	if err != nil {
		return 0, "", err
	}
	began := time.Now()
	poses, err := session.Detect(picture)
	if err == nil && len(poses) == 0 {
		err = errors.New("the model loads, but finds nobody where somebody is")
	}
	return time.Since(began), rt.Device(), err
}

// lookAtDatabase connects to a PostgreSQL and leaves its tables as they are.
func lookAtDatabase(ctx context.Context, e *examination) {
	url := e.config.DatabaseURL
	if url == "" {
		var err error
		if url, err = store.FromEnvironment(environment()); err != nil {
			e.wrong("%v", err)
			return
		}
	}
	if url == "" {
		e.fine("SQLite in %s", filepath.Join(e.config.Data.Data, "plumbline.db"))
		return
	}
	seen, err := store.Look(ctx, url)
	switch {
	case err != nil:
		e.wrong("%v", err)
	case seen.Table:
		e.fine("PostgreSQL %s, database %s: posture_log is there", seen.Version, seen.Where)
	default:
		e.fine("PostgreSQL %s, database %s: posture_log will be made at the first start", seen.Version, seen.Where)
	}
}

// lookAtListeners opens and closes what the hub will listen on; of a running hub they are taken, as they should be.
func lookAtListeners(_ context.Context, e *examination) {
	if e.running {
		e.fine("not looked at: the running hub has them")
		return
	}
	for _, l := range listeners(e.config) {
		listener, err := net.Listen("tcp", l.address)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			e.wrong("another program listens on %s; choose another with %s", l.address, l.flag)
		case err != nil:
			e.wrong("%s: %v", l.flag, err)
		default:
			_ = listener.Close() // it was only tried
			e.fine("%s is free (%s)", l.address, l.flag)
		}
	}
}

type listenerFlag struct{ flag, address string }

func listeners(c *config.Serve) []listenerFlag {
	var all []listenerFlag
	for _, l := range []listenerFlag{
		{"--http-listen", c.HTTPListen}, {"--metrics-listen", c.MetricsListen}, {"--mqtt-listen", c.BrokerListen()}, {"--mqtt-tls-listen", c.MQTTTLSListen},
		{"--mqtt-ws-listen", c.MQTTWSListen}, {"--mqtt-wss-listen", c.MQTTWSSListen}, {"--listen-nats", c.ListenNATS},
	} {
		if l.address != "" {
			all = append(all, l)
		}
	}
	return all
}
