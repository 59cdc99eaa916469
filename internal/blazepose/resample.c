#include <string.h>

#include "positions.h"

// fixed rounds to the nearest integer of 32 bits, ties to even: adding 1.5 x 2^52 leaves the integer in the low bits.
static int32_t fixed(double v) {
	if (!(v > -2147483648.0)) return INT32_MIN;
	if (v >= 2147483647.0) return INT32_MAX;
	double sum = v + 6755399441055744.0;
	int64_t bits;
	memcpy(&bits, &sum, sizeof bits);
	return (int32_t)bits;
}

static int32_t clamp(int64_t v, int32_t last) { return v < 0 ? 0 : v > last ? last : (int32_t)v; }

// blend adds the four neighbours of a position, 5-bit weights, into the sums of red, green and blue.
static void blend(const struct resample *r, const uint8_t *pixels, int32_t u, int32_t v, int32_t sum[3]) {
	int32_t a = u & 31, b = v & 31;
	int32_t weight[4] = {(32 - a) * (32 - b), a * (32 - b), (32 - a) * b, a * b};
	for (int tap = 0; tap < 4; tap++) {
		int64_t x = (int64_t)(u >> 5) + (tap & 1), y = (int64_t)(v >> 5) + (tap >> 1);
		if (r->zero_border && (x < 0 || y < 0 || x >= r->width || y >= r->height)) continue;
		const uint8_t *p = pixels + ((size_t)clamp(y, r->height - 1) * (size_t)r->width + (size_t)clamp(x, r->width - 1)) * 3;
		for (int c = 0; c < 3; c++) sum[c] += weight[tap] * p[c];
	}
}

// blend_inside is blend where all four neighbours are in the picture.
static void blend_inside(const struct resample *r, const uint8_t *pixels, int32_t u, int32_t v, int32_t sum[3]) {
	int32_t a = u & 31, b = v & 31;
	const uint8_t *p = pixels + ((size_t)(v >> 5) * (size_t)r->width + (size_t)(u >> 5)) * 3;
	const uint8_t *q = p + (size_t)r->width * 3;
	for (int c = 0; c < 3; c++)
		sum[c] += (32 - b) * ((32 - a) * p[c] + a * p[c + 3]) + b * ((32 - a) * q[c] + a * q[c + 3]);
}

static void columns_portable(const struct resample *r, const uint8_t *pixels, const struct line lines[3], int block,
			     int from, int to, float *out) {
	size_t plane = (size_t)r->side * (size_t)r->side;
	for (int x = from; x < to; x++) {
		double within = (double)(x - block);
		double w = lines[2].first + lines[2].step * within;
		w = w != 0 ? 32.0 / w : 0;
		int32_t u = fixed((lines[0].first + lines[0].step * within) * w);
		int32_t v = fixed((lines[1].first + lines[1].step * within) * w);
		int32_t sum[3] = {512, 512, 512};
		if (u >= 0 && v >= 0 && (u >> 5) < r->width - 1 && (v >> 5) < r->height - 1)
			blend_inside(r, pixels, u, v, sum);
		else
			blend(r, pixels, u, v, sum);
		for (int c = 0; c < 3; c++) {
			double exact = (double)(sum[c] >> 10) * (double)r->scale + (double)r->offset; // fits 53 bits
			out[(size_t)c * plane + (size_t)x] = (float)exact;
		}
	}
}

#if defined(__x86_64__)
// The vector variants compute offsets in 32 bits, so a picture has to be smaller than 2^31 bytes, and they gather four
// bytes a pixel: near the picture's end four bytes further ahead are taken and shifted.
static int vectors_fit(const struct resample *r) {
	int64_t bytes = (int64_t)r->width * r->height * 3;
	return bytes >= 4 && bytes <= INT32_MAX;
}

#define AVX2 __attribute__((target("avx2,fma")))

AVX2 static __m256i fixed_avx2(__m256d low, __m256d high) {
	const __m256d least = _mm256_set1_pd(-2147483648.0), most = _mm256_set1_pd(2147483647.0);
	// max and min give their second operand where the first is no number: those become the least, as in fixed.
	low = _mm256_min_pd(_mm256_max_pd(low, least), most);
	high = _mm256_min_pd(_mm256_max_pd(high, least), most);
	return _mm256_set_m128i(_mm256_cvtpd_epi32(high), _mm256_cvtpd_epi32(low));
}

AVX2 static __m256d along_avx2(struct line l, __m256d within) {
	return _mm256_add_pd(_mm256_set1_pd(l.first), _mm256_mul_pd(_mm256_set1_pd(l.step), within));
}

AVX2 static __m256d scale_avx2(__m256d w) {
	__m256d zero = _mm256_cmp_pd(w, _mm256_setzero_pd(), _CMP_EQ_OQ);
	return _mm256_andnot_pd(zero, _mm256_div_pd(_mm256_set1_pd(32.0), w));
}

AVX2 static void store_avx2(float *out, __m256i sum, const struct resample *r) {
	__m256 value = _mm256_cvtepi32_ps(_mm256_srli_epi32(sum, 10));
	_mm256_storeu_ps(out, _mm256_fmadd_ps(value, _mm256_set1_ps(r->scale), _mm256_set1_ps(r->offset)));
}

AVX2 static void columns_avx2(const struct resample *r, const uint8_t *pixels, const struct line lines[3], int block,
			      int from, int to, float *out) {
	const size_t plane = (size_t)r->side * (size_t)r->side;
	const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi32(1), byte = _mm256_set1_epi32(255);
	const __m256i all32 = _mm256_set1_epi32(32), low5 = _mm256_set1_epi32(31), width = _mm256_set1_epi32(r->width);
	const __m256i right = _mm256_set1_epi32(r->width - 1), bottom = _mm256_set1_epi32(r->height - 1);
	const __m256i last = _mm256_set1_epi32(r->width * r->height * 3 - 4);
	for (int x = from; x < to; x += 8) {
		double at = (double)(x - block);
		__m256d low = _mm256_add_pd(_mm256_set1_pd(at), _mm256_setr_pd(0, 1, 2, 3));
		__m256d high = _mm256_add_pd(_mm256_set1_pd(at), _mm256_setr_pd(4, 5, 6, 7));
		__m256d wl = scale_avx2(along_avx2(lines[2], low)), wh = scale_avx2(along_avx2(lines[2], high));
		__m256i u = fixed_avx2(_mm256_mul_pd(along_avx2(lines[0], low), wl), _mm256_mul_pd(along_avx2(lines[0], high), wh));
		__m256i v = fixed_avx2(_mm256_mul_pd(along_avx2(lines[1], low), wl), _mm256_mul_pd(along_avx2(lines[1], high), wh));
		__m256i a[2], b[2], xs[2], ys[2];
		a[1] = _mm256_and_si256(u, low5), a[0] = _mm256_sub_epi32(all32, a[1]);
		b[1] = _mm256_and_si256(v, low5), b[0] = _mm256_sub_epi32(all32, b[1]);
		xs[0] = _mm256_srai_epi32(u, 5), xs[1] = _mm256_add_epi32(xs[0], one);
		ys[0] = _mm256_srai_epi32(v, 5), ys[1] = _mm256_add_epi32(ys[0], one);
		__m256i red = _mm256_set1_epi32(512), green = red, blue = red;
		for (int tap = 0; tap < 4; tap++) {
			__m256i px = _mm256_min_epi32(_mm256_max_epi32(xs[tap & 1], zero), right);
			__m256i py = _mm256_min_epi32(_mm256_max_epi32(ys[tap >> 1], zero), bottom);
			__m256i weight = _mm256_mullo_epi32(a[tap & 1], b[tap >> 1]);
			if (r->zero_border) {
				__m256i inside = _mm256_and_si256(_mm256_cmpeq_epi32(px, xs[tap & 1]), _mm256_cmpeq_epi32(py, ys[tap >> 1]));
				weight = _mm256_and_si256(weight, inside);
			}
			__m256i offset = _mm256_add_epi32(_mm256_mullo_epi32(py, width), px);
			offset = _mm256_add_epi32(offset, _mm256_slli_epi32(offset, 1));
			__m256i start = _mm256_min_epi32(offset, last);
			__m256i pixel = _mm256_i32gather_epi32((const int *)pixels, start, 1);
			pixel = _mm256_srlv_epi32(pixel, _mm256_slli_epi32(_mm256_sub_epi32(offset, start), 3));
			red = _mm256_add_epi32(red, _mm256_mullo_epi32(weight, _mm256_and_si256(pixel, byte)));
			green = _mm256_add_epi32(green, _mm256_mullo_epi32(weight, _mm256_and_si256(_mm256_srli_epi32(pixel, 8), byte)));
			blue = _mm256_add_epi32(blue, _mm256_mullo_epi32(weight, _mm256_and_si256(_mm256_srli_epi32(pixel, 16), byte)));
		}
		store_avx2(out + x, red, r);
		store_avx2(out + plane + x, green, r);
		store_avx2(out + 2 * plane + x, blue, r);
	}
}

// inside_avx512 tells whether all 16 positions have their four neighbours in the picture, and eight bytes to read at the left two.
AVX512 static int inside_avx512(const struct resample *r, __m512i xs, __m512i ys, __m512i offset) {
	const __m512i last = _mm512_set1_epi32(r->width * (r->height - 1) * 3 - 8);
	__mmask16 in = _mm512_cmplt_epu32_mask(xs, _mm512_set1_epi32(r->width - 1));
	in = _mm512_mask_cmplt_epu32_mask(in, ys, _mm512_set1_epi32(r->height - 1));
	return _mm512_mask_cmple_epi32_mask(in, offset, last) == 0xffff;
}

// pairs_avx512 reads the left and right neighbours of eight positions and weighs them: red, green, blue and nothing, of 16 bits
// each. weights holds four times 32 - a and a for each position.
AVX512 static __m512i pairs_avx512(const uint8_t *pixels, __m256i offset, __m512i weights) {
	const __m512i order = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 3, 1, 4, 2, 5, -1, -1, 8, 11, 9, 12, 10, 13, -1, -1));
	return _mm512_maddubs_epi16(_mm512_shuffle_epi8(_mm512_i32gather_epi64(offset, pixels, 1), order), weights);
}

// eight_avx512 blends eight positions: red, green, blue and nothing, of 16 bits each, in the positions' order. down holds 32 - b
// and b for each position.
AVX512 static __m512i eight_avx512(const uint8_t *pixels, const uint8_t *below, __m256i offset, __m512i across, __m256i down) {
	const __m512i half = _mm512_set1_epi32(512);
	const __m512i even = _mm512_setr_epi32(0, 0, 0, 0, 2, 2, 2, 2, 4, 4, 4, 4, 6, 6, 6, 6);
	const __m512i all = _mm512_castsi256_si512(down), odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
	__m512i upper = pairs_avx512(pixels, offset, across), lower = pairs_avx512(below, offset, across);
	__m512i first = _mm512_madd_epi16(_mm512_unpacklo_epi16(upper, lower), _mm512_permutexvar_epi32(even, all));
	__m512i second = _mm512_madd_epi16(_mm512_unpackhi_epi16(upper, lower), _mm512_permutexvar_epi32(odd, all));
	return _mm512_packus_epi32(_mm512_srli_epi32(_mm512_add_epi32(first, half), 10), _mm512_srli_epi32(_mm512_add_epi32(second, half), 10));
}

// blend_inside_avx512 gives the bytes of 16 positions as inside_avx512 wants them: 16 of red, green, blue and nothing each. Two
// neighbours are read at once and weighed as bytes: half the reads and a quarter of the arithmetic that one by one takes.
AVX512 static __m512i blend_inside_avx512(const struct resample *r, const uint8_t *pixels, __m512i a, __m512i b, __m512i offset) {
	const __m512i all32 = _mm512_set1_epi32(32);
	// Positions 0 1 4 5 8 9 12 13 go first, so that packing brings four neighbours together.
	const __m512i order = _mm512_setr_epi32(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
	const __m512i four = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
	const __m512i colours = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
	const __m512i spread = _mm512_broadcast_i64x2(_mm_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 8, 9, 8, 9, 8, 9, 8, 9));
	const uint8_t *below = pixels + (size_t)r->width * 3;
	__m512i across = _mm512_permutexvar_epi32(order, _mm512_or_si512(_mm512_sub_epi32(all32, a), _mm512_slli_epi32(a, 8)));
	__m512i down = _mm512_permutexvar_epi32(order, _mm512_or_si512(_mm512_sub_epi32(all32, b), _mm512_slli_epi32(b, 16)));
	offset = _mm512_permutexvar_epi32(order, offset);
	__m512i some[2];
	for (int i = 0; i < 2; i++) {
		__m512i weights = _mm512_cvtepu32_epi64(i ? _mm512_extracti64x4_epi64(across, 1) : _mm512_castsi512_si256(across));
		some[i] = eight_avx512(pixels, below, i ? _mm512_extracti64x4_epi64(offset, 1) : _mm512_castsi512_si256(offset),
				       _mm512_shuffle_epi8(weights, spread), i ? _mm512_extracti64x4_epi64(down, 1) : _mm512_castsi512_si256(down));
	}
	return _mm512_permutexvar_epi32(colours, _mm512_shuffle_epi8(_mm512_packus_epi16(some[0], some[1]), four));
}

AVX512 static void store_bytes_avx512(float *out, __m128i bytes, const struct resample *r) {
	__m512 value = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
	_mm512_storeu_ps(out, _mm512_fmadd_ps(value, _mm512_set1_ps(r->scale), _mm512_set1_ps(r->offset)));
}

AVX512 static void columns_avx512(const struct resample *r, const uint8_t *pixels, const struct line lines[3], int block,
				  int from, int to, float *out) {
	const size_t plane = (size_t)r->side * (size_t)r->side;
	const __m512i zero = _mm512_setzero_si512(), one = _mm512_set1_epi32(1), byte = _mm512_set1_epi32(255);
	const __m512i all32 = _mm512_set1_epi32(32), low5 = _mm512_set1_epi32(31), width = _mm512_set1_epi32(r->width);
	const __m512i right = _mm512_set1_epi32(r->width - 1), bottom = _mm512_set1_epi32(r->height - 1);
	const __m512i last = _mm512_set1_epi32(r->width * r->height * 3 - 4);
	const struct block here = block_avx512(lines);
	for (int x = from; x < to; x += 16) {
		__m512i u, v;
		place_avx512(&here, x - block, &u, &v);
		__m512i a[2], b[2], xs[2], ys[2];
		a[1] = _mm512_and_si512(u, low5), a[0] = _mm512_sub_epi32(all32, a[1]);
		b[1] = _mm512_and_si512(v, low5), b[0] = _mm512_sub_epi32(all32, b[1]);
		xs[0] = _mm512_srai_epi32(u, 5), xs[1] = _mm512_add_epi32(xs[0], one);
		ys[0] = _mm512_srai_epi32(v, 5), ys[1] = _mm512_add_epi32(ys[0], one);
		__m512i corner = _mm512_add_epi32(_mm512_mullo_epi32(ys[0], width), xs[0]);
		corner = _mm512_add_epi32(corner, _mm512_slli_epi32(corner, 1));
		if (inside_avx512(r, xs[0], ys[0], corner)) {
			__m512i bytes = blend_inside_avx512(r, pixels, a[1], b[1], corner);
			store_bytes_avx512(out + x, _mm512_castsi512_si128(bytes), r);
			store_bytes_avx512(out + plane + x, _mm512_extracti32x4_epi32(bytes, 1), r);
			store_bytes_avx512(out + 2 * plane + x, _mm512_extracti32x4_epi32(bytes, 2), r);
			continue;
		}
		__m512i red = _mm512_set1_epi32(512), green = red, blue = red;
		for (int tap = 0; tap < 4; tap++) {
			__m512i px = _mm512_min_epi32(_mm512_max_epi32(xs[tap & 1], zero), right);
			__m512i py = _mm512_min_epi32(_mm512_max_epi32(ys[tap >> 1], zero), bottom);
			__m512i weight = _mm512_mullo_epi32(a[tap & 1], b[tap >> 1]);
			__mmask16 read = 0xffff;
			if (r->zero_border) {
				read = _mm512_cmpeq_epi32_mask(px, xs[tap & 1]) & _mm512_cmpeq_epi32_mask(py, ys[tap >> 1]);
				if (!read) continue;
			}
			__m512i offset = _mm512_add_epi32(_mm512_mullo_epi32(py, width), px);
			offset = _mm512_add_epi32(offset, _mm512_slli_epi32(offset, 1));
			__m512i start = _mm512_min_epi32(offset, last);
			__m512i pixel = _mm512_mask_i32gather_epi32(zero, read, start, pixels, 1);
			pixel = _mm512_srlv_epi32(pixel, _mm512_slli_epi32(_mm512_sub_epi32(offset, start), 3));
			red = _mm512_add_epi32(red, _mm512_mullo_epi32(weight, _mm512_and_si512(pixel, byte)));
			green = _mm512_add_epi32(green, _mm512_mullo_epi32(weight, _mm512_and_si512(_mm512_srli_epi32(pixel, 8), byte)));
			blue = _mm512_add_epi32(blue, _mm512_mullo_epi32(weight, _mm512_and_si512(_mm512_srli_epi32(pixel, 16), byte)));
		}
		store_avx512(out + x, red, r);
		store_avx512(out + plane + x, green, r);
		store_avx512(out + 2 * plane + x, blue, r);
	}
}
#endif

typedef void columns(const struct resample *, const uint8_t *, const struct line[3], int block, int from, int to, float *);

// chosen gives the function for most columns of a block and how many columns it takes at once.
static columns *chosen(const struct resample *r, int variant, int *step) {
#if defined(__x86_64__)
	if (variant == RESAMPLE_AVX512 && vectors_fit(r)) {
		*step = 16;
		return columns_avx512;
	}
	if (variant == RESAMPLE_AVX2 && vectors_fit(r)) {
		*step = 8;
		return columns_avx2;
	}
#else
	(void)r;
	(void)variant;
#endif
	*step = 1;
	return columns_portable;
}

void resample(const struct resample *r, int variant, const uint8_t *pixels, float *out) {
	int step;
	columns *many = chosen(r, variant, &step);
	for (int y = 0; y < r->side; y++) {
		float *row = out + (size_t)y * (size_t)r->side;
		for (int block = 0; block < r->side; block += BLOCK) {
			int end = block + BLOCK < r->side ? block + BLOCK : r->side;
			int whole = block + (end - block) / step * step;
			struct line lines[3];
			for (int i = 0; i < 3; i++) lines[i] = line_at(r->matrix + 3 * i, block, y);
			many(r, pixels, lines, block, block, whole, row);
			columns_portable(r, pixels, lines, block, whole, end, row);
		}
	}
}
