// The layers, for one instruction set. It is compiled once for each, by a file that defines before including it:
//
//	V, LANES              a vector of floats and how many it has
//	LOAD STORE SET        from and to memory (any alignment), one number in all lanes
//	ADDV SUBV MULV        in all lanes, each rounding
//	MINV MAXV
//	FMA(a, b, c)          a * b + c, rounding once
//	DEINTERLEAVE(p, e, o) splits 2 x LANES numbers at p into those at even and those at odd places
//	WIDE                  vectors that a convolution works on at once
//	RUN_LAYER             the name of the function that it gives
//
// Every sum is taken in XNNPACK's order (see the package comment), so the results are its to the bit.
#include "planar.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

INLINE V cut(const struct layer *l, V v) { return MINV(MAXV(v, SET(l->low)), SET(l->high)); }

static int vectors_of(const struct layer *l) { return (l->height * l->pitch + LANES - 1) / LANES; }

// convolve_some computes n vectors of all output channels. Input channels come in runs whose numbers fit the first-level
// cache. A sum starts with the bias and adds the weights that are not zero in the order of the input channels.
INLINE void convolve_some(const struct layer *l, const float *in, float *out, const int n) {
	const float *weight = l->weights;
	const uint32_t *offset = l->offsets;
	const int32_t *count = l->counts;
	for (int run = 0; run < l->runs; run++)
		for (int c = 0; c < l->out_channels; c++) {
			float *to = out + (size_t)c * (size_t)l->out_plane;
			V sum[8];
			if (run == 0) {
				V bias = SET(l->bias[c]);
				UNROLL for (int i = 0; i < n; i++) sum[i] = bias;
			} else {
				UNROLL for (int i = 0; i < n; i++) sum[i] = LOAD(to + i * LANES);
			}
			for (int left = *count++; left > 0; left--) {
				V w = SET(*weight++);
				const float *from = in + *offset++;
				UNROLL for (int i = 0; i < n; i++) sum[i] = FMA(w, LOAD(from + i * LANES), sum[i]);
			}
			if (run == l->runs - 1) {
				UNROLL for (int i = 0; i < n; i++) sum[i] = cut(l, sum[i]);
			}
			UNROLL for (int i = 0; i < n; i++) STORE(to + i * LANES, sum[i]);
		}
}

// convolve is a 1x1 convolution. It takes a plane as one long row, extra columns included.
static void convolve(const struct layer *l, const float *in, float *out) {
	int left = vectors_of(l), at = 0;
#if WIDE == 8
	for (; left >= 8; left -= 8, at += 8 * LANES) convolve_some(l, in + at, out + at, 8);
#endif
	for (; left >= 4; left -= 4, at += 4 * LANES) convolve_some(l, in + at, out + at, 4);
	if (left == 3) convolve_some(l, in + at, out + at, 3);
	if (left == 2) convolve_some(l, in + at, out + at, 2);
	if (left == 1) convolve_some(l, in + at, out + at, 1);
}

// clear_border writes zeros around a plane's picture, as far as a window of 5 x 5 sees.
INLINE void clear_border(const struct layer *l, float *plane) {
	size_t two_rows = (size_t)(2 * l->pitch + 2);
	memset(plane - two_rows, 0, two_rows * sizeof(float));
	for (int y = 0; y < l->height; y++) {
		float *extra = plane + y * l->pitch + l->width;
		for (int x = 0; x < l->pitch - l->width; x++) extra[x] = 0;
	}
	memset(plane + l->height * l->pitch, 0, two_rows * sizeof(float));
}

// depthwise_some computes n vectors of a plane, taken as one long row, with stride 1. The window's cells are added column by
// column.
INLINE void depthwise_some(const struct layer *l, const float *w, float bias, const float *in, float *out, const int k, const int n) {
	V sum[8];
	UNROLL for (int i = 0; i < n; i++) sum[i] = SET(bias);
	UNROLL for (int x = 0; x < k; x++) {
		UNROLL for (int y = 0; y < k; y++) {
			V weight = SET(w[y * k + x]);
			const float *from = in + (y - k / 2) * l->pitch + x - k / 2;
			UNROLL for (int i = 0; i < n; i++) sum[i] = FMA(weight, LOAD(from + i * LANES), sum[i]);
		}
	}
	UNROLL for (int i = 0; i < n; i++) STORE(out + i * LANES, cut(l, sum[i]));
}

INLINE void depthwise_plane(const struct layer *l, const float *w, float bias, const float *in, float *out, const int k) {
	int left = vectors_of(l), at = 0;
	for (; left >= 4; left -= 4, at += 4 * LANES) depthwise_some(l, w, bias, in + at, out + at, k, 4);
	for (; left >= 1; left -= 1, at += LANES) depthwise_some(l, w, bias, in + at, out + at, k, 1);
}

// halving_some computes one vector of a row with stride 2; in is the window's first cell.
INLINE void halving_some(const struct layer *l, const float *w, float bias, const float *in, float *out, const int k) {
	V sum = SET(bias);
	UNROLL for (int x = 0; x < k; x += 2) {
		V even[5], odd[5];
		UNROLL for (int y = 0; y < k; y++) DEINTERLEAVE(in + y * l->pitch + x, even[y], odd[y]);
		UNROLL for (int y = 0; y < k; y++) sum = FMA(SET(w[y * k + x]), even[y], sum);
		if (x + 1 < k) {
			UNROLL for (int y = 0; y < k; y++) sum = FMA(SET(w[y * k + x + 1]), odd[y], sum);
		}
	}
	STORE(out, cut(l, sum));
}

INLINE void halving_plane(const struct layer *l, const float *w, float bias, const float *in, float *out, const int k) {
	for (int y = 0; y < l->out_height; y++)
		for (int x = 0; x < l->out_width; x += LANES)
			halving_some(l, w, bias, in + (2 * y - k / 2) * l->pitch + 2 * x - k / 2, out + y * l->out_pitch + x, k);
}

// depthwise convolves each plane with a window of its own, padded with zeros.
static void depthwise(const struct layer *l, float *in, float *out) {
	for (int c = 0; c < l->channels; c++) {
		float *from = in + (size_t)c * (size_t)l->plane, *to = out + (size_t)c * (size_t)l->out_plane;
		const float *w = l->weights + c * l->side * l->side;
		clear_border(l, from);
		if (l->stride == 2 && l->side == 3) halving_plane(l, w, l->bias[c], from, to, 3);
		if (l->stride == 2 && l->side == 5) halving_plane(l, w, l->bias[c], from, to, 5);
		if (l->stride == 1 && l->side == 3) depthwise_plane(l, w, l->bias[c], from, to, 3);
		if (l->stride == 1 && l->side == 5) depthwise_plane(l, w, l->bias[c], from, to, 5);
	}
}

// first is the network's first layer: windows of 3 x 3 on three planes with stride 2, all output channels at once for a vector
// of positions. The window is added row by row, the three colours of a cell together.
static void first(const struct layer *l, float *in, float *out) {
	for (int c = 0; c < 3; c++) clear_border(l, in + (size_t)c * (size_t)l->plane);
	for (int y = 0; y < l->out_height; y++)
		for (int x = 0; x < l->out_width; x += LANES) {
			V cell[27], unused;
			for (int row = 0; row < 3; row++)
				for (int c = 0; c < 3; c++) {
					const float *from = in + (size_t)c * (size_t)l->plane + (2 * y + row - 1) * l->pitch + 2 * x - 1;
					DEINTERLEAVE(from, cell[row * 9 + c], cell[row * 9 + 3 + c]);
					DEINTERLEAVE(from + 2, cell[row * 9 + 6 + c], unused);
					(void)unused;
				}
			float *to = out + y * l->out_pitch + x;
			for (int c = 0; c < l->out_channels; c += 4) { // four sums at once, since each waits for its last addition
				const float *w = l->weights + c * 27;
				V sum[4];
				UNROLL for (int i = 0; i < 4; i++) sum[i] = SET(l->bias[c + i]);
				for (int k = 0; k < 27; k++) {
					UNROLL for (int i = 0; i < 4; i++) sum[i] = FMA(SET(w[i * 27 + k]), cell[k], sum[i]);
				}
				UNROLL for (int i = 0; i < 4; i++) STORE(to + (size_t)(c + i) * (size_t)l->out_plane, cut(l, sum[i]));
			}
		}
}

// sum adds two tensors.
static void sum(const struct layer *l, const float *a, const float *b, float *out) {
	int n = vectors_of(l) * LANES;
	for (int c = 0; c < l->channels; c++) {
		size_t plane = (size_t)c * (size_t)l->plane;
		for (int i = 0; i < n; i += LANES) STORE(out + plane + i, cut(l, ADDV(LOAD(a + plane + i), LOAD(b + plane + i))));
	}
}

// between is a + (b - a) * t, rounding after each.
INLINE V between(V a, V b, V t) { return ADDV(a, MULV(SUBV(b, a), t)); }

// enlarge doubles a picture by bilinear interpolation with half-pixel centres: first along the rows, then between them. Output
// cell 2k lies a quarter before cell k, cell 2k+1 a quarter behind it; outside, the outermost cell goes on.
static void enlarge(const struct layer *l, const float *in, float *out) {
	float rows[2 * 64 * 64]; // every input row, enlarged along itself
	const int wide = 2 * l->width, stride = (wide + LANES - 1) / LANES * LANES;
	for (int c = 0; c < l->channels; c++) {
		const float *from = in + (size_t)c * (size_t)l->plane;
		float *to = out + (size_t)c * (size_t)l->out_plane;
		for (int y = 0; y < l->height; y++) {
			const float *p = from + y * l->pitch;
			float *row = rows + y * stride;
			row[0] = p[0];
			for (int x = 1; x < l->width; x++) {
				float step = p[x] - p[x - 1];
				row[2 * x - 1] = p[x - 1] + step * 0.25f;
				row[2 * x] = p[x - 1] + step * 0.75f;
			}
			row[wide - 1] = p[l->width - 1];
		}
		for (int y = 0; y < l->out_height; y++) {
			int upper = y == 0 ? 0 : (y - 1) / 2, lower = upper + 1 < l->height ? upper + 1 : l->height - 1;
			V t = SET(y == 0 ? 0.0f : y % 2 ? 0.25f : 0.75f);
			for (int x = 0; x < stride; x += LANES)
				STORE(to + y * l->out_pitch + x, between(LOAD(rows + upper * stride + x), LOAD(rows + lower * stride + x), t));
		}
	}
}

// spread makes a picture twice as high and wide of four channels: DEPTH_TO_SPACE with blocks of 2 x 2.
static void spread(const struct layer *l, const float *in, float *out) {
	for (int c = 0; c < l->out_channels; c++)
		for (int y = 0; y < l->out_height; y++) {
			const float *left = in + (size_t)((y & 1) * 2 * l->out_channels + c) * (size_t)l->plane + (y >> 1) * l->pitch;
			const float *right = left + (size_t)l->out_channels * (size_t)l->plane;
			float *to = out + (size_t)c * (size_t)l->out_plane + y * l->out_pitch;
			for (int x = 0; x < l->width; x++) to[2 * x] = left[x], to[2 * x + 1] = right[x];
		}
}

// collect writes a tensor as TensorFlow Lite has it: the channels of a cell together.
static void collect(const struct layer *l, const float *in, float *out) {
	for (int y = 0; y < l->height; y++)
		for (int x = 0; x < l->width; x++)
			for (int c = 0; c < l->channels; c++) *out++ = in[(size_t)c * (size_t)l->plane + (size_t)(y * l->pitch + x)];
}

void RUN_LAYER(const struct layer *l, float *memory) {
	float *in = memory + l->in, *out = memory + l->out;
	switch (l->kind) {
	case CONVOLVE: convolve(l, in, out); break;
	case DEPTHWISE: depthwise(l, in, out); break;
	case FIRST: first(l, in, out); break;
	case SUM: sum(l, in, memory + l->in2, out); break;
	case ENLARGE: enlarge(l, in, out); break;
	case SPREAD: spread(l, in, out); break;
	case COLLECT: collect(l, in, out); break;
	}
}
