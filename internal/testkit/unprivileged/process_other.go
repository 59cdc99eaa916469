//go:build unix && !linux

package unprivileged

import "syscall"

func Attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: owner, Setpgid: true}
}
