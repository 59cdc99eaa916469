#if defined(__x86_64__)
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC optimize("O3,fp-contract=off")
#pragma GCC target("avx2,fma,f16c")
#endif
#include <immintrin.h>

#define V __m256
#define LANES 8
#define TALL 4
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define SET(x) _mm256_set1_ps(x)
#define WIDEN(p) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define ADDV _mm256_add_ps
#define SUBV _mm256_sub_ps
#define MULV _mm256_mul_ps
#define MINV _mm256_min_ps
#define MAXV _mm256_max_ps
#define FMA _mm256_fmadd_ps
#define ROWS interleaved_rows_avx2
#include "cells.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
