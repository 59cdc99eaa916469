#include "planar.h"

#include <stdint.h>

// Numbers too small for a normal float are flushed to zero while the network runs, in this thread, as XNNPACK does: the
// detector's activations are full of them on plain backgrounds, and each costs some hundred cycles. What the thread had
// set before is restored.
#if defined(__x86_64__)
#include <xmmintrin.h>
typedef unsigned int float_mode;
static float_mode flush_denormals(void) {
	float_mode before = _mm_getcsr();
	_mm_setcsr(before | 0x8040); // flush to zero, denormals are zero
	return before;
}
static void restore(float_mode before) { _mm_setcsr(before); }
#elif defined(__aarch64__)
typedef uint64_t float_mode;
static void restore(float_mode before) { __asm__ volatile("msr fpcr, %0" : : "r"(before)); }
static float_mode flush_denormals(void) {
	float_mode before;
	__asm__ volatile("mrs %0, fpcr" : "=r"(before));
	restore(before | (UINT64_C(1) << 24)); // FZ
	return before;
}
#else
typedef int float_mode;
static float_mode flush_denormals(void) { return 0; }
static void restore(float_mode before) { (void)before; }
#endif

typedef void run_layer(const struct layer *, float *);

static run_layer *of_variant(int variant) {
#if defined(__x86_64__)
	if (variant == PLANAR_AVX512) return planar_layer_avx512;
	if (variant == PLANAR_AVX2) return planar_layer_avx2;
#elif defined(__aarch64__)
	if (variant == PLANAR_NEON) return planar_layer_neon;
#endif
	(void)variant;
	return 0;
}

int planar_run(const struct layer *layers, int count, int variant, float *memory) {
	run_layer *run = of_variant(variant);
	if (!run) return -1;
	float_mode before = flush_denormals();
	for (int i = 0; i < count; i += layers[i].together ? 2 : 1) run(&layers[i], memory);
	restore(before);
	return 0;
}
