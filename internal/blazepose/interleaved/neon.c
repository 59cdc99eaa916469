#if defined(__aarch64__)
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("O3,fp-contract=off")
#endif
#include <arm_neon.h>

#define V float32x4_t
#define LANES 4
#define TALL 8
#define LOAD(p) vld1q_f32(p)
#define STORE(p, v) vst1q_f32(p, v)
#define SET(x) vdupq_n_f32(x)
#define WIDEN(p) vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))
#define ADDV vaddq_f32
#define SUBV vsubq_f32
#define MULV vmulq_f32
#define MINV vminq_f32
#define MAXV vmaxq_f32
#define FMA(a, b, c) vfmaq_f32(c, a, b)
#define ROWS interleaved_rows_neon
#include "cells.h"
#endif
