//go:build linux

package isolation

import (
	"fmt"
	"os"
	"os/exec"
)

// Network brings the namespace's loopback up, gives it further addresses (a kubelet and an API server refuse 127.0.0.1 as
// theirs), the first of which is where its processes speak from, and lets packets pass between pods.
func Network(addresses ...string) error {
	if err := ip("link", "set", "lo", "up"); err != nil {
		return err
	}
	for _, a := range addresses {
		if err := ip("address", "add", a+"/32", "dev", "lo"); err != nil {
			return err
		}
	}
	// Without a route somewhere else a packet to a Service's address has nowhere to go, and is refused before it is translated.
	if err := ip("route", "add", "default", "dev", "lo", "src", addresses[0]); err != nil {
		return err
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %v: %w: %s", args, err, out)
	}
	return nil
}
