#include "colour.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

enum {
	STEP = 64,         // pixels at once
	MARGIN = STEP / 2, // sums that are read beside a row's
};

// weigh makes the sums of a row of chroma for a row of pixels: three parts of the nearest row, one of the next nearest, with the
// ends repeated.
AVX512 static void weigh(const uint8_t *nearest, const uint8_t *next, int n, int16_t *sum) {
	int i = 0;
	for (; i + 32 <= n; i += 32) {
		__m512i a = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(nearest + i)));
		__m512i b = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(next + i)));
		_mm512_storeu_si512(sum + i, _mm512_add_epi16(_mm512_add_epi16(a, b), _mm512_slli_epi16(a, 1)));
	}
	for (; i < n; i++) sum[i] = (int16_t)(3 * nearest[i] + next[i]);
	sum[-1] = sum[0], sum[n] = sum[n - 1];
}

// Numbers of 16 bits for 64 neighbouring pixels.
struct wide {
	__m512i even, odd;
};

// smooth gives the chroma of pixels, less 128: three parts of their sum, one of the neighbour's. libjpeg rounds up to the left
// and down to the right.
AVX512 static inline struct wide smooth(const int16_t *sum) {
	__m512i own = _mm512_loadu_si512(sum);
	own = _mm512_add_epi16(own, _mm512_slli_epi16(own, 1));
	__m512i left = _mm512_add_epi16(_mm512_loadu_si512(sum - 1), _mm512_set1_epi16(8 - 16 * 128));
	__m512i right = _mm512_add_epi16(_mm512_loadu_si512(sum + 1), _mm512_set1_epi16(7 - 16 * 128));
	struct wide w = {_mm512_srai_epi16(_mm512_add_epi16(own, left), 4), _mm512_srai_epi16(_mm512_add_epi16(own, right), 4)};
	return w;
}

// share is chroma * factor / 2^16, rounded, of twice the chroma.
AVX512 static inline __m512i share(__m512i twice, int16_t factor) {
	__m512i product = _mm512_mulhi_epi16(twice, _mm512_set1_epi16(factor));
	return _mm512_srai_epi16(_mm512_add_epi16(product, _mm512_set1_epi16(1)), 1);
}

// red is y + 1.402 cr, of which 0.402 is multiplied.
AVX512 static inline __m512i red(__m512i y, __m512i cr) {
	return _mm512_add_epi16(_mm512_add_epi16(y, cr), share(_mm512_add_epi16(cr, cr), 26345));
}

// blue is y + 1.772 cb, of which -0.228 is multiplied.
AVX512 static inline __m512i blue(__m512i y, __m512i cb) {
	__m512i twice = _mm512_add_epi16(cb, cb);
	return _mm512_add_epi16(_mm512_add_epi16(y, twice), share(twice, -14942));
}

// green is y - 0.34414 cb - 0.71414 cr, the two products rounded together; of the latter 0.28586 is multiplied.
AVX512 static inline __m512i green(__m512i y, __m512i cb, __m512i cr) {
	const __m512i factors = _mm512_unpacklo_epi16(_mm512_set1_epi16(-22554), _mm512_set1_epi16(18734));
	const __m512i half = _mm512_set1_epi32(1 << 15);
	__m512i low = _mm512_madd_epi16(_mm512_unpacklo_epi16(cb, cr), factors);
	__m512i high = _mm512_madd_epi16(_mm512_unpackhi_epi16(cb, cr), factors);
	low = _mm512_srai_epi32(_mm512_add_epi32(low, half), 16);
	high = _mm512_srai_epi32(_mm512_add_epi32(high, half), 16);
	return _mm512_add_epi16(_mm512_sub_epi16(y, cr), _mm512_packs_epi32(low, high));
}

// third is 16 bytes of each of four times 48: the masks say which of 16 pixels' red, green and blue stand where.
AVX512 static inline __m512i third(__m512i r, __m512i g, __m512i b, __m128i reds, __m128i greens, __m128i blues) {
	r = _mm512_shuffle_epi8(r, _mm512_broadcast_i32x4(reds));
	g = _mm512_shuffle_epi8(g, _mm512_broadcast_i32x4(greens));
	b = _mm512_shuffle_epi8(b, _mm512_broadcast_i32x4(blues));
	return _mm512_or_si512(_mm512_or_si512(r, g), b);
}

// store writes 64 pixels of three bytes. r, g and b have, of each 16 pixels, the eight even ones before the eight odd ones.
AVX512 static inline void store(uint8_t *out, __m512i r, __m512i g, __m512i b) {
	__m512i first = third(r, g, b, _mm_setr_epi8(0, -1, -1, 8, -1, -1, 1, -1, -1, 9, -1, -1, 2, -1, -1, 10),
			      _mm_setr_epi8(-1, 0, -1, -1, 8, -1, -1, 1, -1, -1, 9, -1, -1, 2, -1, -1),
			      _mm_setr_epi8(-1, -1, 0, -1, -1, 8, -1, -1, 1, -1, -1, 9, -1, -1, 2, -1));
	__m512i second = third(r, g, b, _mm_setr_epi8(-1, -1, 3, -1, -1, 11, -1, -1, 4, -1, -1, 12, -1, -1, 5, -1),
			       _mm_setr_epi8(10, -1, -1, 3, -1, -1, 11, -1, -1, 4, -1, -1, 12, -1, -1, 5),
			       _mm_setr_epi8(-1, 10, -1, -1, 3, -1, -1, 11, -1, -1, 4, -1, -1, 12, -1, -1));
	__m512i last = third(r, g, b, _mm_setr_epi8(-1, 13, -1, -1, 6, -1, -1, 14, -1, -1, 7, -1, -1, 15, -1, -1),
			     _mm_setr_epi8(-1, -1, 13, -1, -1, 6, -1, -1, 14, -1, -1, 7, -1, -1, 15, -1),
			     _mm_setr_epi8(5, -1, -1, 13, -1, -1, 6, -1, -1, 14, -1, -1, 7, -1, -1, 15));
#define QUARTER(k)                                                                                       \
	_mm_storeu_si128((__m128i *)(out + 48 * (k)), _mm512_extracti32x4_epi32(first, k));              \
	_mm_storeu_si128((__m128i *)(out + 48 * (k) + 16), _mm512_extracti32x4_epi32(second, k));        \
	_mm_storeu_si128((__m128i *)(out + 48 * (k) + 32), _mm512_extracti32x4_epi32(last, k))
	QUARTER(0);
	QUARTER(1);
	QUARTER(2);
	QUARTER(3);
}

// step makes 64 pixels.
AVX512 static inline void step(const uint8_t *luma, const int16_t *blues, const int16_t *reds, uint8_t *out) {
	__m512i y = _mm512_loadu_si512(luma), even = _mm512_and_si512(y, _mm512_set1_epi16(255)), odd = _mm512_srli_epi16(y, 8);
	struct wide cb = smooth(blues), cr = smooth(reds);
	store(out, _mm512_packus_epi16(red(even, cr.even), red(odd, cr.odd)),
	      _mm512_packus_epi16(green(even, cb.even, cr.even), green(odd, cb.odd, cr.odd)),
	      _mm512_packus_epi16(blue(even, cb.even), blue(odd, cb.odd)));
}

static void row(const uint8_t *luma, const int16_t *blues, const int16_t *reds, int width, uint8_t *out) {
	int x = 0;
	for (; x + STEP <= width; x += STEP) step(luma + x, blues + x / 2, reds + x / 2, out + 3 * x);
	if (x == width) return;
	uint8_t rest[STEP] = {0}, pixels[3 * STEP];
	memcpy(rest, luma + x, (size_t)(width - x));
	step(rest, blues + x / 2, reds + x / 2, pixels);
	memcpy(out + 3 * x, pixels, 3 * (size_t)(width - x));
}

int colour_avx512(const struct planes *p, uint8_t *pixels) {
	int columns = (p->width + 1) / 2, rows = (p->height + 1) / 2;
	int16_t *sums = calloc(2 * ((size_t)columns + 2 * MARGIN), sizeof *sums);
	if (sums == NULL) return -1;
	int16_t *blues = sums + MARGIN, *reds = blues + columns + 2 * MARGIN;
	for (int y = 0; y < p->height; y++) {
		int nearest = y / 2, next = y % 2 ? nearest + 1 : nearest - 1;
		if (next < 0 || next == rows) next = nearest;
		size_t a = (size_t)nearest * (size_t)p->chroma_stride, b = (size_t)next * (size_t)p->chroma_stride;
		weigh(p->blue + a, p->blue + b, columns, blues);
		weigh(p->red + a, p->red + b, columns, reds);
		row(p->luma + (size_t)y * (size_t)p->luma_stride, blues, reds, p->width, pixels + (size_t)y * (size_t)p->width * 3);
	}
	free(sums);
	return 0;
}
#else
int colour_avx512(const struct planes *p, uint8_t *pixels) {
	(void)p, (void)pixels;
	return -1;
}
#endif
