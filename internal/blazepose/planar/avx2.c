#if defined(__x86_64__)
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC optimize("O3,fp-contract=off")
#pragma GCC target("avx2,fma")
#endif
#include <immintrin.h>

#define V __m256
#define LANES 8
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define STORE_FIRST(p, v, n)                                                                                    \
	_mm256_maskstore_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)), v)
#define SET(x) _mm256_set1_ps(x)
#define ADDV _mm256_add_ps
#define SUBV _mm256_sub_ps
#define MULV _mm256_mul_ps
#define MINV _mm256_min_ps
#define MAXV _mm256_max_ps
#define FMA _mm256_fmadd_ps
#define DEINTERLEAVE(p, even, odd)                                                                              \
	do {                                                                                                    \
		__m256 low_ = LOAD(p), high_ = LOAD((p) + 8);                                                   \
		__m256 even_ = _mm256_shuffle_ps(low_, high_, 0x88), odd_ = _mm256_shuffle_ps(low_, high_, 0xdd); \
		even = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(even_), 0xd8));                  \
		odd = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(odd_), 0xd8));                    \
	} while (0)
#define ZIP(p, q)                                                                                               \
	_mm256_set_m128(_mm_unpackhi_ps(_mm_loadu_ps(p), _mm_loadu_ps(q)), _mm_unpacklo_ps(_mm_loadu_ps(p), _mm_loadu_ps(q)))
#define QUARTERS _mm256_setr_ps(0.75f, 0.25f, 0.75f, 0.25f, 0.75f, 0.25f, 0.75f, 0.25f)
#define HOLD(v) __asm__("" : "+x"(v))
#define RUN_LAYER planar_layer_avx2
#include "kernels.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
