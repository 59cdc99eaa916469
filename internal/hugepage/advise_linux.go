package hugepage

import (
	"syscall"
	"unsafe"
)

func advise(memory []byte) {
	page := uintptr(syscall.Getpagesize())
	start := -uintptr(unsafe.Pointer(&memory[0])) % page // to the next page's begin
	whole := (uintptr(len(memory)) - start) / page * page
	_ = syscall.Madvise(memory[start:start+whole], syscall.MADV_HUGEPAGE) // an error means small pages
}
