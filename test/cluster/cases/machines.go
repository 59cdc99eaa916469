//go:build linux

package cases

import (
	"context"
	"fmt"
)

// prometheus is the name of the scene's own among the cluster's parts.
func (s *scene) prometheus() string { return s.namespace + "-prometheus" }

// measureCPUs starts a Prometheus for the scene's nodes, and gives its address.
func (s *scene) measureCPUs(ctx context.Context) (url string, err error) {
	loads, address := s.controller(0)+":19400", s.controller(0)+":9090"
	if s.loads, err = serveLoads(loads); err != nil {
		return "", err
	}
	return "http://" + address, s.StartPrometheus(ctx, s.prometheus(), address, loads)
}

var _ = fmt.Sprint
