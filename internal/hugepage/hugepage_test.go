package hugepage_test

import (
	"testing"

	"plumbline/internal/hugepage"
)

// TestAdvise: memory of any size and place can be written after it.
func TestAdvise(t *testing.T) {
	for _, size := range []int{0, 1, 2<<20 - 1, 2 << 20, 5<<20 + 7} {
		memory := make([]byte, size+3)[3:]
		hugepage.Advise(memory)
		for i := range memory {
			memory[i] = byte(i)
		}
	}
}
