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
#define TALL 8
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define SET(x) _mm512_set1_ps(x)
#define WIDEN(p) _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define ADDV _mm512_add_ps
#define SUBV _mm512_sub_ps
#define MULV _mm512_mul_ps
#define MINV _mm512_min_ps
#define MAXV _mm512_max_ps
#define FMA _mm512_fmadd_ps
#define ROWS interleaved_rows_avx512
#include "cells.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
