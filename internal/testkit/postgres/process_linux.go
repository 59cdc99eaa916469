package postgres

import "syscall"

// attributes let the server run as owner and end with the tests, even when those are killed.
func attributes(owner *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: owner, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
}
