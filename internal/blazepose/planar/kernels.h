// The layers, for one instruction set. It is compiled once for each, by a file that defines before including it:
//
//	V, LANES              a vector of floats and how many it has
//	LOAD STORE SET        from and to memory (any alignment), one number in all lanes
//	ADDV SUBV MULV        in all lanes, each rounding
//	MINV MAXV
//	FMA(a, b, c)          a * b + c, rounding once
//	STORE_FIRST(p, v, n)  to memory the first n numbers of a vector, at most LANES
//	DEINTERLEAVE(p, e, o) splits 2 x LANES numbers at p into those at even and those at odd places
//	ZIP(p, q)             LANES / 2 numbers at p and as many at q, in turns
//	QUARTERS              0.75 and 0.25, in turns
//	HOLD(v)               keeps v in a register, which GCC else loads again for each use
//	RUN_LAYER             the name of the function that it gives
//
// Every sum is taken in XNNPACK's order (see the package comment), so the results are its to the bit.
#include "planar.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 20")
#endif

INLINE V cut(const struct layer *l, V v) { return MINV(MAXV(v, SET(l->low)), SET(l->high)); }

INLINE int least(int a, int b) { return a < b ? a : b; }

static int vectors_of(const struct layer *l) { return (l->height * l->pitch + LANES - 1) / LANES; }

// accumulate adds weights, each with its input channel, to n vectors of sums.
INLINE void accumulate(const float *in, const float *weight, const uint32_t *offset, int count, V *sum, const int n) {
	for (; count >= 4; count -= 4, weight += 4, offset += 4) {
		UNROLL for (int k = 0; k < 4; k++) {
			V w = SET(weight[k]);
			const float *from = in + offset[k];
			UNROLL for (int i = 0; i < n; i++) sum[i] = FMA(w, LOAD(from + i * LANES), sum[i]);
		}
	}
	for (; count > 0; count--) {
		V w = SET(*weight++);
		const float *from = in + *offset++;
		UNROLL for (int i = 0; i < n; i++) sum[i] = FMA(w, LOAD(from + i * LANES), sum[i]);
	}
}

// Output channels that a convolution makes: their lists, and the first one's weights and input channels.
struct part {
	const struct list *lists;
	const float *weights;
	const uint32_t *offsets;
	int channels;
	int packed; // whether their planes lie in the order of the lists, else in that of the channels
};

// convolve_some computes n vectors of some output channels. Input channels come in runs whose numbers fit the first-level
// cache. A sum starts with the bias and adds the weights that are not zero in the order of the input channels. The output
// channels of a run come in the order of how many weights they have: the processor then foresees where their loops end.
INLINE void convolve_some(const struct layer *l, const struct part *p, const float *in, const float *added, float *out, const int n) {
	const float *weight = p->weights;
	const uint32_t *offset = p->offsets;
	const struct list *list = p->lists;
	for (int run = 0; run < l->runs; run++)
		for (int k = 0; k < p->channels; k++, list++) {
			const size_t plane = (size_t)(p->packed ? k : list->channel) * (size_t)l->out_plane;
			float *to = out + plane;
			V sum[8];
			if (run == 0) {
				V bias = SET(l->bias[list->channel]);
				UNROLL for (int i = 0; i < n; i++) sum[i] = bias;
			} else {
				UNROLL for (int i = 0; i < n; i++) sum[i] = LOAD(to + i * LANES);
			}
			accumulate(in, weight, offset, list->count, sum, n);
			weight += list->count, offset += list->count;
			if (run == l->runs - 1) {
				if (added) {
					UNROLL for (int i = 0; i < n; i++) sum[i] = ADDV(sum[i], LOAD(added + plane + i * LANES));
				}
				UNROLL for (int i = 0; i < n; i++) sum[i] = cut(l, sum[i]);
			}
			UNROLL for (int i = 0; i < n; i++) STORE(to + i * LANES, sum[i]);
		}
}

// convolve_part is a 1x1 convolution. It takes a plane as one long row, extra columns included. added is what is added to the
// results; 0 for nothing.
static void convolve_part(const struct layer *l, const struct part *p, const float *in, const float *added, float *out) {
	int left = vectors_of(l), at = 0;
#define TAKE(n) convolve_some(l, p, in + at, added ? added + at : 0, out + at, n), left -= n, at += n * LANES
	while (left >= 8) TAKE(8);
	if (left >= 6) TAKE(6);
	if (left >= 4) TAKE(4);
	if (left >= 2) TAKE(2);
	if (left >= 1) TAKE(1);
#undef TAKE
}

enum { MANY = 7 }; // rows that windows are laid on at once: enough sums to hide how long an addition takes, and it divides the heights

// What windows see above and below a picture.
static const float zeros[WIDEST + 4 * LANES];

// clear_sides writes zeros beside a plane's rows, as far as a window of 5 x 5 sees.
INLINE void clear_sides(const struct layer *l, float *plane) {
	for (int y = -1; y < l->height; y++) memset(plane + y * l->pitch + l->width, 0, 2 * sizeof(float));
}

// rows_at gives `count` rows of a plane from row y on, each from the first cell that a window sees; rows outside the picture are zero.
INLINE void rows_at(const struct layer *l, const float *plane, int y, const int count, const float **rows) {
	UNROLL for (int r = 0; r < count; r++) {
		int inside = y + r >= 0 && y + r < l->height;
		rows[r] = inside ? plane + (y + r) * l->pitch - l->side / 2 : zeros;
	}
}

// depthwise_some computes a vector of each of m neighbouring rows with stride 1. The window's cells are added column by column;
// each number is loaded once a column and meets all windows that hold it.
INLINE void depthwise_some(const float *w, float bias, const float *const *rows, V *sum, const int k, const int m) {
	UNROLL for (int o = 0; o < m; o++) sum[o] = SET(bias);
	UNROLL for (int x = 0; x < k; x++) {
		V weight[5];
		UNROLL for (int y = 0; y < k; y++) weight[y] = SET(w[y * k + x]);
		UNROLL for (int r = 0; r < m + k - 1; r++) {
			V cell = LOAD(rows[r] + x);
			HOLD(cell);
			UNROLL for (int o = 0; o < m; o++)
				if (r >= o && r < o + k) sum[o] = FMA(weight[r - o], cell, sum[o]);
		}
	}
}

// halving_column adds one column of the windows of m neighbouring rows with stride 2.
INLINE void halving_column(const float *w, const V *cells, V *sum, const int k, const int m) {
	UNROLL for (int y = 0; y < k; y++) {
		V weight = SET(w[y * k]);
		UNROLL for (int o = 0; o < m; o++) sum[o] = FMA(weight, cells[2 * o + y], sum[o]);
	}
}

// halving_some is depthwise_some with stride 2.
INLINE void halving_some(const float *w, float bias, const float *const *rows, V *sum, const int k, const int m) {
	UNROLL for (int o = 0; o < m; o++) sum[o] = SET(bias);
	UNROLL for (int x = 0; x < k; x += 2) {
		V even[2 * MANY + 3], odd[2 * MANY + 3];
		UNROLL for (int r = 0; r < 2 * m + k - 2; r++) DEINTERLEAVE(rows[r] + x, even[r], odd[r]);
		halving_column(w + x, even, sum, k, m);
		if (x + 1 < k) halving_column(w + x + 1, odd, sum, k, m);
	}
}

// depthwise_rows computes m rows from row y on.
INLINE void depthwise_rows(const struct layer *l, const float *w, float bias, const float *in, float *out, int y, const int k,
			   const int stride, const int m) {
	const int seen = stride * (m - 1) + k;
	const int width = l->out_width, pitch = l->out_pitch;
	const V low = SET(l->low), high = SET(l->high);
	const float *rows[2 * MANY + 3];
	rows_at(l, in, stride * y - k / 2, seen, rows);
	out += y * pitch;
	for (int x = 0; x < width; x += LANES) {
		V sum[MANY];
		if (stride == 1) depthwise_some(w, bias, rows, sum, k, m);
		else halving_some(w, bias, rows, sum, k, m);
		UNROLL for (int o = 0; o < m; o++) STORE_FIRST(out + o * pitch + x, MINV(MAXV(sum[o], low), high), least(width - x, LANES));
		UNROLL for (int r = 0; r < seen; r++) rows[r] += stride * LANES;
	}
}

// depthwise_plane takes MANY rows at once; some are computed twice where the height is no multiple of it.
INLINE void depthwise_plane(const struct layer *l, const float *w, float bias, const float *in, float *out, const int k, const int stride) {
	const int height = l->out_height;
	if (height < MANY) {
		for (int y = 0; y < height; y++) depthwise_rows(l, w, bias, in, out, y, k, stride, 1);
		return;
	}
	for (int y = 0; y < height; y += MANY) depthwise_rows(l, w, bias, in, out, least(y, height - MANY), k, stride, MANY);
}

// depthwise_channel convolves one plane with a window of its own, padded with zeros.
INLINE void depthwise_channel(const struct layer *l, int c, const float *from, float *out) {
	const float *w = l->weights + c * l->side * l->side;
	float *to = out + (size_t)c * (size_t)l->out_plane;
	if (l->stride == 2 && l->side == 3) depthwise_plane(l, w, l->bias[c], from, to, 3, 2);
	if (l->stride == 2 && l->side == 5) depthwise_plane(l, w, l->bias[c], from, to, 5, 2);
	if (l->stride == 1 && l->side == 3) depthwise_plane(l, w, l->bias[c], from, to, 3, 1);
	if (l->stride == 1 && l->side == 5) depthwise_plane(l, w, l->bias[c], from, to, 5, 1);
}

// depthwise convolves some planes, which are those of the lists' channels or, without lists, of all. A plane's sides are cleared
// one plane ahead: a vector that is loaded right after a part of it was stored waits for the store.
static void depthwise(const struct layer *l, float *in, float *out, const struct list *lists, int count) {
	clear_sides(l, in);
	for (int k = 0; k < count; k++, in += l->plane) {
		if (k + 1 < count) clear_sides(l, in + l->plane);
		depthwise_channel(l, lists ? lists[k].channel : k, in, out);
	}
}

// convolve is a 1x1 convolution. Where it is to make some channels at a time, the next layer, a depthwise one, takes them at once,
// while they are in the second-level cache.
static void convolve(const struct layer *l, float *memory) {
	const float *in = memory + l->in, *added = l->in2 < 0 ? 0 : memory + l->in2;
	struct part p = {l->lists, l->weights, l->offsets, l->out_channels, l->together > 0};
	if (!p.packed) {
		convolve_part(l, &p, in, added, memory + l->out);
		return;
	}
	const struct list *end = l->lists + l->out_channels;
	for (; p.lists < end; p.lists += p.channels) {
		p.channels = least(l->together, (int)(end - p.lists));
		convolve_part(l, &p, in, added, memory + l->out);
		depthwise(l + 1, memory + l->out, memory + l[1].out, p.lists, p.channels);
		for (int k = 0; k < p.channels; k++) p.weights += p.lists[k].count, p.offsets += p.lists[k].count;
	}
}

// clear_border writes zeros around a plane's picture, as far as a window of 3 x 3 sees.
INLINE void clear_border(const struct layer *l, float *plane) {
	size_t row = (size_t)(l->pitch + 2);
	memset(plane - row, 0, row * sizeof(float));
	clear_sides(l, plane);
	memset(plane + l->height * l->pitch, 0, row * sizeof(float));
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

// enlarge_pair makes LANES cells of two rows between an upper and a lower one; p and q are the cells before the first one's.
INLINE void enlarge_pair(const float *p, const float *q, V down[2], V made[2]) {
	const V across = QUARTERS;
	V top = between(ZIP(p, p + 1), ZIP(p + 1, p + 2), across), bottom = between(ZIP(q, q + 1), ZIP(q + 1, q + 2), across);
	UNROLL for (int i = 0; i < 2; i++) made[i] = between(top, bottom, down[i]);
}

// extend repeats the outermost cells of a plane's rows.
INLINE void extend(const struct layer *l, float *plane) {
	for (int y = 0; y < l->height; y++) {
		float *row = plane + y * l->pitch;
		row[-1] = row[0], row[l->width] = row[l->width - 1];
	}
}

// enlarge doubles a picture by bilinear interpolation with half-pixel centres: first along the rows, then between them. Output
// cell 2k lies a quarter before cell k, cell 2k+1 a quarter behind it; outside, the outermost cell goes on.
static void enlarge(const struct layer *l, float *in, float *out) {
	const int last = l->height - 1;
	extend(l, in);
	for (int c = 0; c < l->channels; c++) {
		float *from = in + (size_t)c * (size_t)l->plane, *to = out + (size_t)c * (size_t)l->out_plane;
		if (c + 1 < l->channels) extend(l, from + l->plane); // one plane ahead, as in depthwise
		for (int y = -1; y <= last; y++) { // makes rows 2y + 1 and 2y + 2
			const int above = y < 0 ? 0 : y, below = above < last ? above + 1 : last;
			const float *upper = from + above * l->pitch, *lower = from + below * l->pitch;
			V down[2] = {SET(0.25f), SET(y < 0 ? 0 : 0.75f)}, made[2];
			float *row = to + (2 * y + 1) * l->out_pitch;
			for (int x = 0; x < l->out_width; x += LANES) {
				const int some = least(l->out_width - x, LANES);
				enlarge_pair(upper + x / 2 - 1, lower + x / 2 - 1, down, made);
				if (y >= 0) STORE_FIRST(row + x, made[0], some);
				if (y < last) STORE_FIRST(row + l->out_pitch + x, made[1], some);
			}
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
			for (int x = 0; x < l->out_width; x += LANES) {
				const int some = least(l->out_width - x, LANES);
				STORE_FIRST(to + x, ZIP(left + x / 2, right + x / 2), some);
			}
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
	case CONVOLVE: convolve(l, memory); break;
	case DEPTHWISE: depthwise(l, in, out, 0, l->channels); break;
	case FIRST: first(l, in, out); break;
	case SUM: sum(l, in, memory + l->in2, out); break;
	case ENLARGE: enlarge(l, in, out); break;
	case SPREAD: spread(l, in, out); break;
	case COLLECT: collect(l, in, out); break;
	}
}
