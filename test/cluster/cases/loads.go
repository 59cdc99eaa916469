//go:build linux

package cases

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"plumbline/test/cluster/system"
)

// SetLoad is how busy a real node's GPU is from now on: its sysfs says so, as a Jetson's does, in per mille.
func (w *World) SetLoad(node string, ratio float64) error {
	folder := filepath.Join(w.Sysfs(node), "devices", "gpu.0")
	file := filepath.Join(folder, "load")
	if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(file+".new", fmt.Appendf(nil, "%.0f\n", 1000*ratio), 0o644)); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// HideLoad lets a real node's GPU vanish from its sysfs.
func (w *World) HideLoad(node string) error {
	return os.Remove(filepath.Join(w.Sysfs(node), "devices", "gpu.0", "load"))
}

// SetLoads sets several nodes' loads.
func (w *World) SetLoads(loads map[string]float64) error {
	var err error
	for node, ratio := range loads {
		err = errors.Join(err, w.SetLoad(node, ratio))
	}
	return err
}

// loads are what nodes without an exporter of their own are said to carry; Prometheus asks here.
type loads struct {
	mutex  sync.Mutex
	ratios map[string]float64
	at     map[string]time.Time // when each was measured; absent: this moment
}

// serveLoads listens where Prometheus looks.
func serveLoads() (*loads, error) {
	l := &loads{ratios: map[string]float64{}, at: map[string]time.Time{}}
	listener, err := net.Listen("tcp", system.LoadsAddress)
	if err != nil {
		return nil, err
	}
	go http.Serve(listener, l) //nolint:errcheck,gosec // it ends with the process, and only Prometheus is there
	return l, nil
}

func (l *loads) set(node string, ratio float64) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.ratios[node] = ratio
	delete(l.at, node)
}

// freeze lets a node's load be as old as it is now, and get older.
func (l *loads) freeze(node string, at time.Time) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.at[node] = at
}

// forget takes a node's load away.
func (l *loads) forget(node string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	delete(l.ratios, node)
	delete(l.at, node)
}

func (l *loads) clear() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	clear(l.ratios)
	clear(l.at)
}

// ServeHTTP shows the loads as an exporter does.
func (l *loads) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := time.Now()
	for _, node := range slices.Sorted(maps.Keys(l.ratios)) {
		at, frozen := l.at[node]
		if !frozen {
			at = now
		}
		fmt.Fprintf(w, "plumbline_gpu_utilization_ratio{node=%q,gpu=\"0\"} %g\n", node, l.ratios[node])
		fmt.Fprintf(w, "plumbline_gpu_sample_timestamp_seconds{node=%q,gpu=\"0\"} %.3f\n", node, float64(at.UnixMilli())/1000)
	}
}
