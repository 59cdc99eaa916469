#if defined(__x86_64__)
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw"))), apply_to = function)
#else
#pragma GCC optimize("O3,fp-contract=off")
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,prefer-vector-width=512")
#endif
#include <immintrin.h>

#define V __m512
#define LANES 16
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define STORE_FIRST(p, v, n) _mm512_mask_storeu_ps(p, (__mmask16)((1u << (n)) - 1), v)
#define SET(x) _mm512_set1_ps(x)
#define ADDV _mm512_add_ps
#define SUBV _mm512_sub_ps
#define MULV _mm512_mul_ps
#define MINV _mm512_min_ps
#define MAXV _mm512_max_ps
#define FMA _mm512_fmadd_ps
#define DEINTERLEAVE(p, even, odd)                                                                                     \
	do {                                                                                                           \
		__m512 low_ = LOAD(p), high_ = LOAD((p) + 16);                                                         \
		const __m512i at_ = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);      \
		even = _mm512_permutex2var_ps(low_, at_, high_);                                                       \
		odd = _mm512_permutex2var_ps(low_, _mm512_add_epi32(at_, _mm512_set1_epi32(1)), high_);                \
	} while (0)
#define ZIP(p, q)                                                                                                      \
	_mm512_permutex2var_ps(_mm512_castps256_ps512(_mm256_loadu_ps(p)),                                             \
			       _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),              \
			       _mm512_castps256_ps512(_mm256_loadu_ps(q)))
#define QUARTERS _mm512_setr4_ps(0.75f, 0.25f, 0.75f, 0.25f)
#define HOLD(v) __asm__("" : "+v"(v))
#define RUN_LAYER planar_layer_avx512
#include "kernels.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
