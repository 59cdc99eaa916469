// Package arena is memory for networks outside Go's heap: their weights and, for each session, their activations. It refuses nothing
// but what the kernel refuses.
package arena

import (
	"fmt"
	"syscall"
	"unsafe"

	"plumbline/internal/hugepage"
)

// Arena is memory outside Go's heap, all zero, whose parts begin at lines of the cache: no vector in them lies in two.
type Arena struct {
	memory []byte
	used   int
}

const line = 64

// New has room for parts of some sizes in bytes.
func New(sizes ...int) (Arena, error) {
	total := 0
	for _, size := range sizes {
		total += lines(size)
	}
	memory, err := syscall.Mmap(-1, 0, total, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return Arena{}, fmt.Errorf("allocating the network's memory: %w", err)
	}
	hugepage.Advise(memory)
	return Arena{memory: memory}, nil
}

func lines(bytes int) int { return (max(bytes, 1) + line - 1) / line * line }

// Take gives the next part.
func (a *Arena) Take(bytes int) unsafe.Pointer {
	part := unsafe.Pointer(&a.memory[a.used])
	a.used += lines(bytes)
	return part
}

// Free gives the memory back, once.
func (a *Arena) Free() error {
	if a.memory == nil {
		return nil
	}
	err := syscall.Munmap(a.memory)
	a.memory = nil
	return err
}
