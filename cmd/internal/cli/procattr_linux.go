package cli

import "syscall"

// diesWithParent has the kernel kill the child when the thread that started it ends: a supervisor killed with -9 leaves nobody behind who
// would hold its ports and files.
func diesWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
