//go:build linux

package system

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// withDebian runs a program that calls programs out of Debian's packages, which lie in a folder of their own.
func (c *Cluster) withDebian(program string, args ...string) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), "PATH="+strings.Join([]string{c.Kit.Debian("usr/sbin"), c.Kit.Debian("usr/bin"), os.Getenv("PATH")}, ":"))
		libraries, _ := filepath.Glob(c.Kit.Debian("usr/lib/*-linux-gnu"))
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+strings.Join(libraries, ":"))
		return cmd
	}
}
