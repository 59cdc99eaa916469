#include "interleaved.h"

#include <string.h>

// Numbers too small for a normal float are flushed to zero while the network runs, in this thread, as XNNPACK does. What the
// thread had set before is restored.
#if defined(__x86_64__)
#include <cpuid.h>
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

static interleaved_rows *of_variant(int variant) {
#if defined(__x86_64__)
	if (variant == INTERLEAVED_AVX512) return interleaved_rows_avx512;
	if (variant == INTERLEAVED_AVX2) return interleaved_rows_avx2;
#elif defined(__aarch64__)
	if (variant == INTERLEAVED_NEON) return interleaved_rows_neon;
#endif
	(void)variant;
	return 0;
}

// clear writes zeros beside a picture's rows.
static void clear(const struct picture *p, float *memory) {
	const size_t beside = (size_t)(2 * p->cell);
	float *first = memory + p->at;
	memset(first - beside, 0, beside * sizeof(float));
	for (int slot = 0; slot < p->slots; slot++)
		memset(first + (int64_t)slot * p->pitch + (int64_t)p->width * p->cell, 0, beside * sizeof(float));
}

// needed is how many rows of its input a step needs for its first `rows` rows.
static int needed(const struct step *s, int rows) {
	int end = rows;
	if (s->kind == DENSE || s->kind == DEPTHWISE) end = (rows - 1) * s->stride - s->before + s->side;
	if (s->kind == POOL) end = 2 * rows;
	if (s->kind == ENLARGE) end = (rows + 1) / 2 + 1;
	return end < s->in.height ? end : s->in.height;
}

// make makes a step's rows up to `end`, and those of the steps chained before it that they need.
static void make(const struct step *steps, int i, int end, interleaved_rows *rows, const struct session *session) {
	const struct step *s = &steps[i];
	if (session->made[i] == 0 && s->out.framed) clear(&s->out, session->memory);
	while (session->made[i] < end) {
		int from = session->made[i], to = from + s->block < s->out.height ? from + s->block : s->out.height;
		if (s->chained) make(steps, i - 1, needed(s, to), rows, session);
		rows(s, session, from, to);
		session->made[i] = to;
	}
}

int interleaved_widens(void) {
#if defined(__x86_64__)
	unsigned a, b, c = 0, d;
	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
#else
	return 1;
#endif
}

int interleaved_run(const struct step *steps, int count, int variant, const struct session *session) {
	interleaved_rows *rows = of_variant(variant);
	if (!rows) return -1;
	float_mode before = flush_denormals();
	memset(session->made, 0, (size_t)count * sizeof session->made[0]);
	for (int i = 0; i < count; i++)
		if (i + 1 == count || !steps[i + 1].chained) make(steps, i, steps[i].out.height, rows, session);
	restore(before);
	return 0;
}
