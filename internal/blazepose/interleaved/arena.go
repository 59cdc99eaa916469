//go:build cgo

package interleaved

import (
	"fmt"
	"syscall"
	"unsafe"
)

// arena is memory outside Go's heap, all zero, whose parts begin at lines of the cache: no vector in them lies in two.
type arena struct {
	memory []byte
	used   int
}

const line = 64

// newArena has room for parts of some sizes in bytes.
func newArena(sizes ...int) (arena, error) {
	total := 0
	for _, size := range sizes {
		total += lines(size)
	}
	memory, err := syscall.Mmap(-1, 0, total, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return arena{}, fmt.Errorf("allocating the network's memory: %w", err)
	}
	return arena{memory: memory}, nil
}

func lines(bytes int) int { return (max(bytes, 1) + line - 1) / line * line }

// take gives the next part.
func (a *arena) take(bytes int) unsafe.Pointer {
	part := unsafe.Pointer(&a.memory[a.used])
	a.used += lines(bytes)
	return part
}

// free gives the memory back, once.
func (a *arena) free() error {
	if a.memory == nil {
		return nil
	}
	err := syscall.Munmap(a.memory)
	a.memory = nil
	return err
}
