package unprivileged

import "syscall"

// Attributes let a server run as owner (nil: the tests' user) and end with the tests, even when those are killed.
func Attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: owner, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
}
