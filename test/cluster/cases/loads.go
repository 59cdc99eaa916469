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
	mutex sync.Mutex
	nodes map[string]*carried
}

// carried is what is measured of one node. Negative ratios are not measured.
type carried struct {
	gpu, cpu   float64
	at         time.Time // of the GPU's sample; zero: this moment
	idle, busy float64   // seconds, as node_exporter counts them
	counted    time.Time
}

// serveLoads listens where Prometheus looks.
func serveLoads(address string) (*loads, error) {
	l := &loads{nodes: map[string]*carried{}}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	go http.Serve(listener, l) //nolint:errcheck,gosec // it ends with the process, and only Prometheus is there
	return l, nil
}

// change changes what is measured of a node from now on.
func (l *loads) change(node string, by func(*carried)) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.nodes[node] == nil {
		l.nodes[node] = &carried{gpu: -1, cpu: -1, counted: time.Now()}
	}
	l.nodes[node].count()
	by(l.nodes[node])
}

func (l *loads) set(node string, ratio float64) {
	l.change(node, func(c *carried) { c.gpu, c.at = ratio, time.Time{} })
}

func (l *loads) setCPU(node string, ratio float64) {
	l.change(node, func(c *carried) { c.cpu = ratio })
}

// freeze lets a node's load be as old as it is now, and get older.
func (l *loads) freeze(node string, at time.Time) {
	l.change(node, func(c *carried) { c.at = at })
}

// forget takes a node's loads away.
func (l *loads) forget(node string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	delete(l.nodes, node)
}

// count lets the counters of the CPU go on to this moment.
func (c *carried) count() {
	passed := time.Since(c.counted).Seconds()
	c.counted = time.Now()
	c.busy, c.idle = c.busy+passed*max(0, c.cpu), c.idle+passed*(1-max(0, c.cpu))
}

// ServeHTTP shows the loads as exporters do: ours for GPUs, node_exporter for CPU and memory.
func (l *loads) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, node := range slices.Sorted(maps.Keys(l.nodes)) {
		c := l.nodes[node]
		at := c.at
		if at.IsZero() {
			at = time.Now()
		}
		if c.gpu >= 0 {
			fmt.Fprintf(w, "plumbline_gpu_utilization_ratio{node=%q,gpu=\"0\"} %g\n", node, c.gpu)
			fmt.Fprintf(w, "plumbline_gpu_sample_timestamp_seconds{node=%q,gpu=\"0\"} %.3f\n", node, float64(at.UnixMilli())/1000)
		}
		if c.cpu >= 0 {
			c.count()
			fmt.Fprintf(w, "node_cpu_seconds_total{node=%q,cpu=\"0\",mode=\"idle\"} %.3f\nnode_cpu_seconds_total{node=%q,cpu=\"0\",mode=\"user\"} %.3f\n", node, c.idle, node, c.busy)
			fmt.Fprintf(w, "node_memory_MemTotal_bytes{node=%q} 8e9\nnode_memory_MemAvailable_bytes{node=%q} 6e9\n", node, node)
		}
	}
}
