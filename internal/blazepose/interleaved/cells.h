// The layers, for one instruction set. It is compiled once for each, by a file that defines before including it:
//
//	V, LANES          a vector of floats and how many it has, at most 16
//	LOAD STORE SET    from and to memory (any alignment), one number in all lanes
//	WIDEN(p)          LANES numbers of 16 bits at p
//	ADDV SUBV MULV    in all lanes, each rounding
//	MINV MAXV
//	FMA(a, b, c)      a * b + c, rounding once
//	TALL              cells that a convolution works on at once, times three vectors of channels: 8 or 4
//	ROWS              the name of the function that it gives
//
// Every sum is taken in XNNPACK's order (see the package comment), so the results are its to the bit.
#include "interleaved.h"

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

enum { GROUP = 16 }; // channels that a cell's size is a multiple of

INLINE float *row_of(const struct picture *p, float *memory, int y) { return memory + p->at + (int64_t)(y % p->slots) * p->pitch; }

// added_row is the row that a step adds to row y of its results; 0 for none.
INLINE const float *added_row(const struct step *s, const struct session *session, int y) {
	return s->added < 0 ? 0 : session->memory + s->added + (int64_t)y * s->out.pitch;
}

// finish adds what a step adds to its results, cuts them and stores them.
INLINE void finish(const struct step *s, float *to, const float *added, V v) {
	if (added) v = ADDV(v, LOAD(added));
	STORE(to, MINV(MAXV(v, SET(s->low)), SET(s->high)));
}

// A window on some rows of a picture.
struct window {
	const float *row[6]; // where the first cell's window begins
	int rows;
	int span;  // numbers of a row
	int step;  // numbers from a cell's window to the next one's
	int pitch; // numbers from a row's windows to the next one's
};

// Where the sums of a convolution begin and end.
struct sums {
	float *out;         // the first cell's
	const float *added; // what is added at the end; 0 for nothing
	const float *bias;  // what they begin with; 0 where out holds what was summed before
	int done;           // whether they are complete
};

// tile adds to n vectors of the channels of m cells, which lie on one row, or in rows of `across` cells one below the other. It
// takes the window row by row.
INLINE void tile(const struct step *s, const struct window *in, int x, const float *weights, int wide, const struct sums *to, const int m,
		 const int across, const int n) {
	const int step = in->step, cell = s->out.cell, pitch = s->out.pitch;
	float *out = to->out + x * cell;
	V sum[8][3];
	UNROLL for (int i = 0; i < m; i++) {
		const float *start = to->bias ? to->bias : out + i / across * pitch + i % across * cell;
		UNROLL for (int j = 0; j < n; j++) sum[i][j] = LOAD(start + j * LANES);
	}
	for (int r = 0; r < in->rows; r++) {
		const float *from[8];
		UNROLL for (int i = 0; i < m; i++) from[i] = in->row[r] + x * step + i / across * in->pitch + i % across * step;
		for (ptrdiff_t k = 0; k < in->span; k++, weights += wide) {
			V w[3];
			UNROLL for (int j = 0; j < n; j++) w[j] = LOAD(weights + j * LANES);
			UNROLL for (int i = 0; i < m; i++) {
				V number = SET(from[i][k]);
				UNROLL for (int j = 0; j < n; j++) sum[i][j] = FMA(number, w[j], sum[i][j]);
			}
		}
	}
	UNROLL for (int i = 0; i < m; i++) {
		const int place = i / across * pitch + i % across * cell;
		UNROLL for (int j = 0; j < n; j++) {
			if (to->done) finish(s, out + place + j * LANES, to->added ? to->added + x * cell + place + j * LANES : 0, sum[i][j]);
			else STORE(out + place + j * LANES, sum[i][j]);
		}
	}
}

// strip adds to n vectors of the channels of one row, or of two narrow ones.
INLINE void strip(const struct step *s, const struct window *in, int rows, const float *weights, int wide, const struct sums *to,
		  const int n) {
	int x = 0, width = s->out.width;
#if TALL == 8
	if (rows == 2 && width == 4) {
		tile(s, in, 0, weights, wide, to, 8, 4, n);
		return;
	}
	for (; x + 8 <= width; x += 8) tile(s, in, x, weights, wide, to, 8, 8, n);
#endif
	if (rows == 2) {
		tile(s, in, 0, weights, wide, to, 4, 2, n);
		return;
	}
	for (; x + 4 <= width; x += 4) tile(s, in, x, weights, wide, to, 4, 4, n);
	for (; x < width; x++) tile(s, in, x, weights, wide, to, 1, 1, n);
}

// rows_at_once is how many rows a strip takes: narrow ones in pairs.
INLINE int rows_at_once(const struct step *s, int left) {
	int narrow = s->side == 1 && (s->out.width == 2 || (s->out.width == 4 && TALL == 8));
	return narrow && left > 1 ? 2 : 1;
}

// strips adds to all channels of a panel, `wide` of them.
INLINE void strips(const struct step *s, const struct window *in, int rows, const float *weights, int wide, struct sums to) {
	int c = 0;
	struct sums at = to;
	for (; c < wide; c += (wide - c >= 3 * LANES ? 3 : wide - c >= 2 * LANES ? 2 : 1) * LANES) {
		at.out = to.out + c;
		at.added = to.added ? to.added + c : 0;
		at.bias = to.bias ? to.bias + c : 0;
		if (wide - c >= 3 * LANES) strip(s, in, rows, weights + c, wide, &at, 3);
		else if (wide - c >= 2 * LANES) strip(s, in, rows, weights + c, wide, &at, 2);
		else strip(s, in, rows, weights + c, wide, &at, 1);
	}
}

// window_at gives the rows of the window for row y of the output, and which one of the window is the first of them.
INLINE int window_at(const struct step *s, float *memory, int y, struct window *w) {
	int top = y * s->stride - s->before, first = top < 0 ? -top : 0, last = s->side;
	if (top + last > s->in.height) last = s->in.height - top;
	w->rows = last - first;
	for (int r = first; r < last; r++) w->row[r - first] = row_of(&s->in, memory, top + r) - s->before * s->in.cell;
	w->span = s->side == 1 ? s->in.channels : s->side * s->in.cell;
	w->step = s->stride * s->in.cell;
	w->pitch = s->stride * s->in.pitch;
	return first;
}

// A panel is a part of the output channels, up to three groups. Its weights lie together: [row and cell of the window][input
// channel][channel of the panel].
struct panel {
	int first, wide; // channels
	size_t weights;  // how many weights lie before its own
};

INLINE struct panel panel_of(const struct step *s, int i) {
	const int groups = s->out.cell / GROUP, depth = s->side * (s->side == 1 ? s->in.channels : s->side * s->in.cell);
	const int first = groups * i / s->panels, end = groups * (i + 1) / s->panels;
	struct panel p = {first * GROUP, (end - first) * GROUP, (size_t)(first * GROUP) * (size_t)depth};
	return p;
}

INLINE struct sums sums_of(const struct step *s, const struct session *session, int y, const struct panel *p) {
	const float *added = added_row(s, session, y);
	struct sums to = {row_of(&s->out, session->memory, y) + p->first, added ? added + p->first : 0, s->bias + p->first, 1};
	return to;
}

// dense is a convolution of all channels with all.
static void dense(const struct step *s, const struct session *session, int from, int to) {
	for (int i = 0; i < s->panels; i++) {
		const struct panel p = panel_of(s, i);
		for (int y = from, rows; y < to; y += rows) {
			struct window w;
			const int first = window_at(s, session->memory, y, &w);
			rows = rows_at_once(s, to - y);
			const float *weights = (const float *)s->weights + p.weights + first * w.span * p.wide;
			strips(s, &w, rows, weights, p.wide, sums_of(s, session, y, &p));
		}
	}
}



// widen makes floats of weights.
INLINE void widen(const uint16_t *from, int count, float *to) {
	for (int i = 0; i < count; i += LANES) STORE(to + i, WIDEN(from + i));
}

// run adds what one run of input channels in one row of the window gives to all cells of a panel. No window reaches over the
// picture's edge.
INLINE void run(const struct step *s, const struct session *session, const struct panel *p, int r, int k, int span, int done) {
	for (int y = 0, rows; y < s->out.height; y += rows) {
		struct window w;
		window_at(s, session->memory, y, &w);
		rows = rows_at_once(s, s->out.height - y);
		w.row[0] = w.row[r] + k, w.rows = 1, w.span = span;
		struct sums to = sums_of(s, session, y, p);
		if (r > 0 || k > 0) to.bias = 0;
		to.done = done;
		strips(s, &w, rows, session->scratch, p->wide, to);
	}
}

// dense_halves is dense with weights of 16 bits, for all rows at once: each weight is widened once.
static void dense_halves(const struct step *s, const struct session *session) {
	const int span = s->side == 1 ? s->in.channels : s->side * s->in.cell, runs = (span + RUN - 1) / RUN;
	for (int i = 0; i < s->panels; i++) {
		const struct panel p = panel_of(s, i);
		const uint16_t *weights = (const uint16_t *)s->weights + p.weights;
		for (int r = 0; r < s->side; r++)
			for (int j = 0; j < runs; j++) {
				const int k = span * j / runs, some = span * (j + 1) / runs - k;
				widen(weights, some * p.wide, session->scratch);
				weights += some * p.wide;
				run(s, session, &p, r, k, some, r == s->side - 1 && k + some == span);
			}
	}
}

// column computes n neighbouring cells of one vector of channels. The window's cells are added column by column.
INLINE void column(const struct step *s, const struct window *in, int at, const float *weights, const float *bias, float *out, const int n) {
	V sum[8], start = LOAD(bias);
	UNROLL for (int i = 0; i < n; i++) sum[i] = start;
	const int side = s->side, step = in->step, cell = s->in.cell;
	for (int x = 0; x < side; x++, weights += (side - in->rows) * GROUP)
		for (int r = 0; r < in->rows; r++, weights += GROUP) {
			const float *from = in->row[r] + at + x * cell;
			V w = LOAD(weights);
			UNROLL for (int i = 0; i < n; i++) sum[i] = FMA(w, LOAD(from + i * step), sum[i]);
		}
	UNROLL for (int i = 0; i < n; i++) finish(s, out + i * s->out.cell, 0, sum[i]);
}

// columns computes n neighbouring cells, from cell x on, of the channels from `from` to `to`.
INLINE void columns(const struct step *s, const struct window *in, int x, int from, int to, int first, float *out, const int n) {
	const int cells = s->side * s->side;
	for (int c = from; c < to; c += LANES) {
		const float *weights = (const float *)s->weights + (c / GROUP * cells + first) * GROUP + c % GROUP;
		column(s, in, x * in->step + c, weights, s->bias + c, out + x * s->out.cell + c, n);
	}
}

// pair computes four neighbouring cells on each of two rows, of one vector of channels, with stride 1. in has one row more than a
// window. Each number is loaded once, and meets the windows that hold it from the last column of theirs to the first.
INLINE void pair(const struct step *s, const struct window *in, int at, const float *weights, const float *bias, float *out, float *below,
		 const int side) {
	V upper[4], lower[4], start = LOAD(bias);
	const int cell = s->in.cell;
	UNROLL for (int i = 0; i < 4; i++) upper[i] = lower[i] = start;
	UNROLL for (int x = 0; x < side + 3; x++) {
		V column[6];
		UNROLL for (int r = 0; r <= side; r++) column[r] = LOAD(in->row[r] + at + x * cell);
		UNROLL for (int i = 0; i < 4; i++) {
			if (x < i || x >= i + side) continue;
			UNROLL for (int r = 0; r < side; r++) {
				V w = LOAD(weights + ((x - i) * side + r) * GROUP);
				upper[i] = FMA(w, column[r], upper[i]);
				lower[i] = FMA(w, column[r + 1], lower[i]);
			}
		}
	}
	UNROLL for (int i = 0; i < 4; i++) {
		finish(s, out + i * s->out.cell, 0, upper[i]);
		finish(s, below + i * s->out.cell, 0, lower[i]);
	}
}

// pairs computes two rows of the channels from `from` to `to`, but for the cells at the end that make no four. It returns the
// first of these.
INLINE int pairs(const struct step *s, const struct window *in, int from, int to, float *out, float *below, const int side) {
	int x = 0;
	for (; x + 4 <= s->out.width; x += 4)
		for (int c = from; c < to; c += LANES) {
			const float *weights = (const float *)s->weights + c / GROUP * side * side * GROUP + c % GROUP;
			const int place = x * s->out.cell + c;
			pair(s, in, x * in->step + c, weights, s->bias + c, out + place, below + place, side);
		}
	return x;
}

// inside tells whether the windows of two rows, from row y on, lie inside the picture.
INLINE int inside(const struct step *s, int y) { return y >= s->before && y + 1 - s->before + s->side <= s->in.height; }

// both computes rows y and y + 1 as far as pairs does.
INLINE int both(const struct step *s, const struct session *session, int y, int from, int to) {
	struct window w;
	window_at(s, session->memory, y, &w);
	w.row[s->side] = row_of(&s->in, session->memory, y - s->before + s->side) - s->before * s->in.cell;
	float *out = row_of(&s->out, session->memory, y), *below = row_of(&s->out, session->memory, y + 1);
	return s->side == 3 ? pairs(s, &w, from, to, out, below, 3) : pairs(s, &w, from, to, out, below, 5);
}

// single computes row y from cell x on.
INLINE void single(const struct step *s, const struct session *session, int y, int x, int from, int to) {
	const int width = s->out.width;
	struct window w;
	const int first = window_at(s, session->memory, y, &w);
	float *out = row_of(&s->out, session->memory, y);
	for (; x + 8 <= width; x += 8) columns(s, &w, x, from, to, first, out, 8);
	for (; x + 4 <= width; x += 4) columns(s, &w, x, from, to, first, out, 4);
	for (; x < width; x++) columns(s, &w, x, from, to, first, out, 1);
}

enum { SOME = 64 }; // channels whose rows stay in the first-level cache from one row of windows to the next

// depthwise convolves each channel with a window of its own.
static void depthwise(const struct step *s, const struct session *session, int from, int to) {
	const int all = s->out.cell, paired = s->stride == 1 && (s->side == 3 || s->side == 5);
	for (int c = 0; c < all; c += SOME) {
		const int end = c + SOME < all ? c + SOME : all;
		for (int y = from; y < to; y++) {
			if (!paired || y + 1 == to || !inside(s, y)) {
				single(s, session, y, 0, c, end);
				continue;
			}
			const int x = both(s, session, y, c, end);
			if (x < s->out.width) {
				single(s, session, y, x, c, end);
				single(s, session, y + 1, x, c, end);
			}
			y++;
		}
	}
}

// pool takes the greatest of 2 x 2 cells. Channels that the input lacks are zero.
static void pool(const struct step *s, const struct session *session, int from, int to) {
	const int cell = s->in.cell, out_cell = s->out.cell;
	for (int y = from; y < to; y++) {
		const float *upper = row_of(&s->in, session->memory, 2 * y), *lower = row_of(&s->in, session->memory, 2 * y + 1);
		float *out = row_of(&s->out, session->memory, y);
		const float *added = added_row(s, session, y);
		for (int x = 0; x < s->out.width; x++, upper += 2 * cell, lower += 2 * cell, out += out_cell, added += added ? out_cell : 0) {
			for (int c = 0; c < cell; c += LANES) {
				V most = MAXV(MAXV(LOAD(upper + c), LOAD(upper + cell + c)), MAXV(LOAD(lower + c), LOAD(lower + cell + c)));
				finish(s, out + c, added ? added + c : 0, most);
			}
			for (int c = cell; c < out_cell; c += LANES) finish(s, out + c, added ? added + c : 0, SET(0));
		}
	}
}

// between is a + (b - a) * t, rounding after each.
INLINE V between(V a, V b, V t) { return ADDV(a, MULV(SUBV(b, a), t)); }

// enlarge doubles a picture by bilinear interpolation with half-pixel centres: first along the rows, then between them. Output
// cell 2k lies a quarter before cell k, cell 2k+1 a quarter behind it; outside, the outermost cell goes on.
static void enlarge(const struct step *s, const struct session *session, int from, int to) {
	const int cell = s->in.cell, last = s->in.width - 1;
	for (int y = from; y < to; y++) {
		int above = y == 0 ? 0 : (y - 1) / 2, below = above + 1 < s->in.height ? above + 1 : s->in.height - 1;
		const float *upper = row_of(&s->in, session->memory, above), *lower = row_of(&s->in, session->memory, below);
		float *out = row_of(&s->out, session->memory, y);
		const float *added = added_row(s, session, y);
		V down = SET(y == 0 ? 0.0f : y % 2 ? 0.25f : 0.75f);
		for (int x = 0; x < s->out.width; x++) {
			int left = x == 0 ? 0 : (x - 1) / 2, right = left < last ? left + 1 : last;
			V across = SET(x == 0 ? 0.0f : x % 2 ? 0.25f : 0.75f);
			for (int c = 0; c < cell; c += LANES) {
				V top = between(LOAD(upper + left * cell + c), LOAD(upper + right * cell + c), across);
				V bottom = between(LOAD(lower + left * cell + c), LOAD(lower + right * cell + c), across);
				finish(s, out + x * cell + c, added ? added + x * cell + c : 0, between(top, bottom, down));
			}
		}
	}
}

// sum adds two pictures.
static void sum(const struct step *s, const struct session *session, int from, int to) {
	for (int y = from; y < to; y++) {
		const float *in = row_of(&s->in, session->memory, y), *added = added_row(s, session, y);
		float *out = row_of(&s->out, session->memory, y);
		for (int i = 0; i < s->out.width * s->out.cell; i += LANES) finish(s, out + i, added + i, LOAD(in + i));
	}
}

// take makes the network's input of three planes: the three numbers of a cell together.
static void take(const struct step *s, const struct session *session, int from, int to) {
	const int width = s->out.width, plane = s->out.height * width;
	for (int y = from; y < to; y++) {
		const float *restrict in = session->planes + y * width;
		float *restrict out = row_of(&s->out, session->memory, y);
		for (int x = 0; x < width; x++) {
			out[3 * x] = in[x];
			out[3 * x + 1] = in[plane + x];
			out[3 * x + 2] = in[2 * plane + x];
		}
	}
}

void ROWS(const struct step *s, const struct session *session, int from, int to) {
	switch (s->kind) {
	case TAKE: take(s, session, from, to); break;
	case DENSE:
		if (s->halves) dense_halves(s, session);
		else dense(s, session, from, to);
		break;
	case DEPTHWISE: depthwise(s, session, from, to); break;
	case POOL: pool(s, session, from, to); break;
	case ENLARGE: enlarge(s, session, from, to); break;
	case SUM: sum(s, session, from, to); break;
	}
}
