//go:build !linux

package cli

import "syscall"

// diesWithParent asks for nothing: only Linux offers it. Elsewhere a child outlives a supervisor killed with -9.
func diesWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
