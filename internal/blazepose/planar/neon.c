#if defined(__aarch64__)
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("O3,fp-contract=off")
#endif
#include <arm_neon.h>

#define V float32x4_t
#define LANES 4
#define LOAD(p) vld1q_f32(p)
#define STORE(p, v) vst1q_f32(p, v)
#define STORE_FIRST(p, v, n)                                             \
	do {                                                             \
		float all_[4];                                           \
		vst1q_f32(all_, v);                                      \
		for (int lane_ = 0; lane_ < (n); lane_++) (p)[lane_] = all_[lane_]; \
	} while (0)
#define SET(x) vdupq_n_f32(x)
#define ADDV vaddq_f32
#define SUBV vsubq_f32
#define MULV vmulq_f32
#define MINV vminq_f32
#define MAXV vmaxq_f32
#define FMA(a, b, c) vfmaq_f32(c, a, b)
#define DEINTERLEAVE(p, even, odd)                 \
	do {                                       \
		float32x4x2_t both_ = vld2q_f32(p); \
		even = both_.val[0];               \
		odd = both_.val[1];                \
	} while (0)
#define ZIP(p, q) vzip1q_f32(vld1q_f32(p), vld1q_f32(q))
#define QUARTERS vzip1q_f32(vdupq_n_f32(0.75f), vdupq_n_f32(0.25f))
#define HOLD(v) __asm__("" : "+w"(v))
#define RUN_LAYER planar_layer_neon
#include "kernels.h"
#endif
