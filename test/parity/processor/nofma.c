// Makes programs believe that the processor has neither FMA nor AVX, to see how far the wheel differs from itself on two
// processors. Linux on Intel processors that can trap CPUID (cpuid_fault in /proc/cpuinfo):
//
//	cc -shared -fPIC -o ./nofma.so test/parity/processor/nofma.c
//	LD_PRELOAD=./nofma.so .tools/peer/bin/python test/parity/golden.py full OTHER.json FOLDER
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { ARCH_SET_CPUID = 0x1012 };

enum { FMA = 1u << 12, AVX = 1u << 28 };                                              // leaf 1, ECX
enum { AVX2 = 1u << 5, AVX512_EBX = 1 << 16 | 1 << 17 | 1 << 21 | 1 << 28 | 1 << 30 }; // leaf 7, EBX

static void allow_cpuid(int on) { syscall(SYS_arch_prctl, ARCH_SET_CPUID, on); }

// answer runs in place of the CPUID instruction, which faults.
static void answer(int signal_number, siginfo_t *info, void *context) {
	(void)info;
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	const unsigned char *instruction = (const unsigned char *)r[REG_RIP];
	if (instruction[0] != 0x0f || instruction[1] != 0xa2) { // a fault of its own
		signal(signal_number, SIG_DFL);
		return;
	}
	unsigned leaf = (unsigned)r[REG_RAX], sub = (unsigned)r[REG_RCX], a, b, c, d;
	allow_cpuid(1);
	__cpuid_count(leaf, sub, a, b, c, d);
	allow_cpuid(0);
	if (leaf == 1) c &= ~(unsigned)(FMA | AVX);
	if (leaf == 7 && sub == 0) {
		b &= ~((unsigned)AVX512_EBX | AVX2 | 1u << 31);
		c = d = 0;
	}
	if (leaf == 7 && sub == 1) a = 0;
	r[REG_RAX] = a, r[REG_RBX] = b, r[REG_RCX] = c, r[REG_RDX] = d;
	r[REG_RIP] += 2;
}

__attribute__((constructor)) static void start(void) {
	struct sigaction s = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigaction(SIGSEGV, &s, 0);
	allow_cpuid(0);
}
