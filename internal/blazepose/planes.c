#include "positions.h"

#if defined(__x86_64__)

// axis says, for 16 positions, which two neighbouring pixels are blended, and how.
struct axis {
	__m512i at;      // the first of them
	__m512i weights; // 16 bits each: of the first, of the second; of 32
	__mmask16 odd;   // where the first has an odd coordinate
};

// axis_at finds pixels that are in the picture: outside, one neighbour counts alone, or none does.
AVX512 static inline struct axis axis_at(__m512i position, int size, int zero_border) {
	const __m512i zero = _mm512_setzero_si512(), one = _mm512_set1_epi32(1), all32 = _mm512_set1_epi32(32), end = _mm512_set1_epi32(size - 1);
	__m512i second = _mm512_and_si512(position, _mm512_set1_epi32(31)), first = _mm512_sub_epi32(all32, second);
	__m512i at = _mm512_srai_epi32(position, 5), before = all32, after = all32;
	if (zero_border) {
		before = _mm512_maskz_mov_epi32(_mm512_cmpeq_epi32_mask(at, _mm512_set1_epi32(-1)), second);
		after = _mm512_maskz_mov_epi32(_mm512_cmpeq_epi32_mask(at, end), first);
	}
	__mmask16 low = _mm512_cmplt_epi32_mask(at, zero), high = _mm512_cmpge_epi32_mask(at, end);
	first = _mm512_mask_mov_epi32(_mm512_mask_mov_epi32(first, high, zero), low, before);
	second = _mm512_mask_mov_epi32(_mm512_mask_mov_epi32(second, low, zero), high, after);
	struct axis a;
	a.at = _mm512_max_epi32(_mm512_min_epi32(at, _mm512_sub_epi32(end, one)), zero);
	a.weights = _mm512_or_si512(first, _mm512_slli_epi32(second, 16));
	a.odd = _mm512_test_epi32_mask(a.at, one);
	return a;
}

// smoother says how the chroma of two neighbouring pixels comes from four neighbouring samples: libjpeg's "fancy up-sampling" takes
// three parts of the nearest sample and one of the next nearest, and rounds up to the left and down to the right.
struct smoother {
	__m512i left, right; // bytes: the weight of each sample
	__m512i rounding;    // 16 bits each
	__m512i above[2], below[3];
};

enum { NEXT_NEAREST = 0x0301, NEAREST_NEXT = 0x0103, LATER_NEXT = 0x010300, LATER_ALONE = 0x0400, FIRST_ALONE = 0x0004 };

AVX512 static inline __m512i chosen_epi32(__mmask16 odd, int where_odd, int where_even) {
	return _mm512_mask_mov_epi32(_mm512_set1_epi32(where_even), odd, _mm512_set1_epi32(where_odd));
}

AVX512 static inline struct smoother smoother_at(const struct axis *x, const struct axis *y, int width) {
	enum { BOTH = 0x10001, CENTRE = 16 * 128 }; // what is smoothed has four bits more, and is wanted less 128
	__mmask16 start = _mm512_testn_epi32_mask(x->at, x->at);
	__mmask16 end = _mm512_cmpeq_epi32_mask(x->at, _mm512_set1_epi32(width - 2)) & (__mmask16)~x->odd;
	struct smoother s;
	s.left = chosen_epi32(x->odd, NEAREST_NEXT, NEXT_NEAREST);
	s.left = _mm512_mask_mov_epi32(s.left, start, _mm512_set1_epi32(FIRST_ALONE));
	s.right = chosen_epi32(x->odd, NEXT_NEAREST, LATER_NEXT);
	s.right = _mm512_mask_mov_epi32(s.right, end, _mm512_set1_epi32(LATER_ALONE));
	s.right = _mm512_mask_mov_epi32(s.right, start, _mm512_set1_epi32(NEAREST_NEXT));
	s.rounding = _mm512_sub_epi16(chosen_epi32(x->odd, 8 << 16 | 7, 7 << 16 | 8), _mm512_set1_epi16(CENTRE));
	s.above[0] = chosen_epi32(y->odd, 3 * BOTH, BOTH), s.above[1] = chosen_epi32(y->odd, BOTH, 3 * BOTH);
	s.below[0] = chosen_epi32(y->odd, BOTH, 0), s.below[1] = _mm512_set1_epi32(3 * BOTH), s.below[2] = chosen_epi32(y->odd, 0, BOTH);
	return s;
}

// Two rows of two neighbouring pixels, 16 bits each: the left and the right one.
struct pixels {
	__m512i above, below;
};

// across gives the chroma of two pixels by one row of samples.
AVX512 static inline __m512i across(const struct smoother *s, const uint8_t *plane, __m512i offset) {
	__m512i samples = _mm512_i32gather_epi32(offset, plane, 1);
	__m512i left = _mm512_maddubs_epi16(samples, s->left), right = _mm512_maddubs_epi16(samples, s->right);
	return _mm512_mask_mov_epi16(left, 0xaaaaaaaa, _mm512_add_epi16(right, _mm512_slli_epi32(right, 16)));
}

// chroma gives that of four pixels, less 128, from three rows of samples.
AVX512 static inline struct pixels chroma(const struct smoother *s, const uint8_t *plane, const __m512i offsets[3]) {
	__m512i rows[3];
	for (int i = 0; i < 3; i++) rows[i] = across(s, plane, offsets[i]);
	__m512i above = _mm512_add_epi16(_mm512_mullo_epi16(rows[0], s->above[0]), _mm512_mullo_epi16(rows[1], s->above[1]));
	__m512i below = _mm512_add_epi16(_mm512_mullo_epi16(rows[0], s->below[0]), _mm512_mullo_epi16(rows[1], s->below[1]));
	below = _mm512_add_epi16(below, _mm512_mullo_epi16(rows[2], s->below[2]));
	struct pixels p = {_mm512_srai_epi16(_mm512_add_epi16(above, s->rounding), 4), _mm512_srai_epi16(_mm512_add_epi16(below, s->rounding), 4)};
	return p;
}

// luma gives that of two pixels.
AVX512 static inline __m512i luma(const uint8_t *plane, __m512i offset) {
	const __m512i two = _mm512_broadcast_i32x4(_mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1));
	return _mm512_shuffle_epi8(_mm512_i32gather_epi32(offset, plane, 1), two);
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

// blend weighs four pixels of one colour: sums of 16 positions, rounding included.
AVX512 static inline __m512i blend(__m512i above, __m512i below, const struct axis *x, const struct axis *y) {
	const __m512i least = _mm512_setzero_si512(), most = _mm512_set1_epi16(255);
	above = _mm512_madd_epi16(_mm512_max_epi16(_mm512_min_epi16(above, most), least), x->weights);
	below = _mm512_madd_epi16(_mm512_max_epi16(_mm512_min_epi16(below, most), least), x->weights);
	__m512i both = _mm512_or_si512(above, _mm512_slli_epi32(below, 16));
	return _mm512_add_epi32(_mm512_madd_epi16(both, y->weights), _mm512_set1_epi32(512));
}

// sixteen makes as many columns of the crop's line.
AVX512 static inline void sixteen(const struct resample *r, const struct planes *p, __m512i u, __m512i v, float *out) {
	const __m512i zero = _mm512_setzero_si512(), one = _mm512_set1_epi32(1), stride = _mm512_set1_epi32(p->chroma_stride);
	struct axis x = axis_at(u, r->width, r->zero_border), y = axis_at(v, r->height, r->zero_border);
	struct smoother s = smoother_at(&x, &y, r->width);
	// The samples round two pixels begin before the first one's nearest where its coordinate is even, else with it.
	__m512i column = _mm512_max_epi32(_mm512_sub_epi32(_mm512_srai_epi32(_mm512_add_epi32(x.at, one), 1), one), zero);
	__m512i row = _mm512_srai_epi32(_mm512_add_epi32(y.at, one), 1), last = _mm512_set1_epi32((r->height - 1) / 2);
	__m512i rows[3] = {_mm512_max_epi32(_mm512_sub_epi32(row, one), zero), row, _mm512_min_epi32(_mm512_add_epi32(row, one), last)};
	for (int i = 0; i < 3; i++) rows[i] = _mm512_add_epi32(_mm512_mullo_epi32(rows[i], stride), column);
	struct pixels cb = chroma(&s, p->blue, rows), cr = chroma(&s, p->red, rows);
	__m512i offset = _mm512_add_epi32(_mm512_mullo_epi32(y.at, _mm512_set1_epi32(p->luma_stride)), x.at);
	__m512i above = luma(p->luma, offset), below = luma(p->luma + p->luma_stride, offset);
	const size_t plane = (size_t)r->side * (size_t)r->side;
	store_avx512(out, blend(red(above, cr.above), red(below, cr.below), &x, &y), r);
	store_avx512(out + plane, blend(green(above, cb.above, cr.above), green(below, cb.below, cr.below), &x, &y), r);
	store_avx512(out + 2 * plane, blend(blue(above, cb.above), blue(below, cb.below), &x, &y), r);
}

AVX512 void resample_planes(const struct resample *r, const struct planes *p, float *out) {
	for (int y = 0; y < r->side; y++) {
		for (int first = 0; first < r->side; first += BLOCK) {
			struct line lines[3];
			for (int i = 0; i < 3; i++) lines[i] = line_at(r->matrix + 3 * i, first, y);
			const struct block here = block_avx512(lines);
			for (int x = first; x < first + BLOCK && x < r->side; x += 16) {
				__m512i u, v;
				place_avx512(&here, x - first, &u, &v);
				sixteen(r, p, u, v, out + (size_t)y * (size_t)r->side + x);
			}
		}
	}
}
#else
void resample_planes(const struct resample *r, const struct planes *p, float *out) { (void)r, (void)p, (void)out; }
#endif
