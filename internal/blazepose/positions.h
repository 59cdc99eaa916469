// Where in the picture the pixels of a crop lie: what all ways of reading a picture share.
#ifndef PLUMBLINE_POSITIONS_H
#define PLUMBLINE_POSITIONS_H
#include <stddef.h>

#include "resample.h"

// Every operation rounds, whatever the instruction set: no multiplication and addition are fused but where the code says so.
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif

enum { BLOCK = 64 }; // columns of a block of cv::warpPerspective: positions are sums of the block's start and a rest

// A row of the projection at one line of the crop: first + step * (columns since the block's start).
struct line {
	double first, step;
};

static inline struct line line_at(const double *row, int block, int y) {
	double across = row[0] * (double)block;
	double down = row[1] * (double)y;
	struct line l = {across + down + row[2], row[0]};
	return l;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

AVX512 static inline __m512i fixed_avx512(__m512d low, __m512d high) {
	const __m512d least = _mm512_set1_pd(-2147483648.0), most = _mm512_set1_pd(2147483647.0);
	low = _mm512_min_pd(_mm512_max_pd(low, least), most);
	high = _mm512_min_pd(_mm512_max_pd(high, least), most);
	return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtpd_epi32(low)), _mm512_cvtpd_epi32(high), 1);
}

AVX512 static inline __m512d along_avx512(struct line l, __m512d within) {
	return _mm512_add_pd(_mm512_set1_pd(l.first), _mm512_mul_pd(_mm512_set1_pd(l.step), within));
}

AVX512 static inline __m512d scale_avx512(__m512d w) {
	__mmask8 set = _mm512_cmp_pd_mask(w, _mm512_setzero_pd(), _CMP_NEQ_UQ);
	return _mm512_maskz_div_pd(set, _mm512_set1_pd(32.0), w);
}

AVX512 static inline void store_avx512(float *out, __m512i sum, const struct resample *r) {
	__m512 value = _mm512_cvtepi32_ps(_mm512_srli_epi32(sum, 10));
	_mm512_storeu_ps(out, _mm512_fmadd_ps(value, _mm512_set1_ps(r->scale), _mm512_set1_ps(r->offset)));
}

// block is 64 columns at one line of the crop.
struct block {
	struct line u, v, divisor;
	int flat; // the projection only turns, scales and shifts: one division does for all columns
	__m512d scale;
};

AVX512 static inline struct block block_avx512(const struct line lines[3]) {
	const double divisor = lines[2].first, end = divisor + lines[2].step * (BLOCK - 1);
	struct block b = {lines[0], lines[1], lines[2], end == divisor && divisor - divisor == 0 /* finite */, scale_avx512(_mm512_set1_pd(divisor))};
	return b;
}

// place_avx512 gives the positions of 16 columns, in 1/32 pixels.
AVX512 static inline void place_avx512(const struct block *b, int column, __m512i *u, __m512i *v) {
	const __m512d first8 = _mm512_setr_pd(0, 1, 2, 3, 4, 5, 6, 7);
	__m512d low = _mm512_add_pd(_mm512_set1_pd((double)column), first8), high = _mm512_add_pd(_mm512_set1_pd((double)(column + 8)), first8);
	__m512d wl = b->flat ? b->scale : scale_avx512(along_avx512(b->divisor, low));
	__m512d wh = b->flat ? b->scale : scale_avx512(along_avx512(b->divisor, high));
	*u = fixed_avx512(_mm512_mul_pd(along_avx512(b->u, low), wl), _mm512_mul_pd(along_avx512(b->u, high), wh));
	*v = fixed_avx512(_mm512_mul_pd(along_avx512(b->v, low), wl), _mm512_mul_pd(along_avx512(b->v, high), wh));
}
#endif
#endif
