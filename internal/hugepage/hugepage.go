// Package hugepage asks the kernel for pages of 2 MiB where much memory is walked through for every picture: frames, weights,
// activations. With pages of 4 KiB, the processor spends several per cent of that time on finding out where pages lie, and more
// in a virtual machine. It refuses nothing: it is advice, which a kernel may not take.
package hugepage

// Advise is called on fresh memory, before anything is written there. What lies at the ends and fills no large page stays in small
// ones, so that no more memory is used.
func Advise(memory []byte) {
	if len(memory) >= least {
		advise(memory)
	}
}

// least is below what a large page can hold.
const least = 2 << 20
