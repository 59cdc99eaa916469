// Layers of a convolutional network on pictures of cells: the channels of a cell lie together.
//
// A picture's rows are `pitch` floats apart and hold `width` cells of `cell` floats; the channels are padded to a multiple of
// 16, but for the network's input. Two more cells follow each row and two precede the first: a window finds its zeros there.
// A picture of which only some rows are needed at a time has fewer `slots` than rows: row y lies in slot y % slots.
#ifndef PLUMBLINE_INTERLEAVED_H
#define PLUMBLINE_INTERLEAVED_H
#include <stddef.h>
#include <stdint.h>

struct picture {
	int64_t at; // where its first row lies in memory, in floats
	int32_t height, width, channels, cell, pitch, slots;
	int32_t framed; // whether a window reads the cells beside it
};

enum kind { TAKE, DENSE, DEPTHWISE, POOL, ENLARGE, SUM };

struct step {
	int32_t kind;
	int32_t chained; // makes the rows of its input as it needs them, by the step before it
	int32_t block;   // rows that it makes at once
	int32_t side, stride, before; // window: cells to a side, from one to the next, and how many lie before the first cell
	int32_t panels, halves;       // DENSE: how the output channels are split; whether the weights are of 16 bits
	struct picture in, out;
	int64_t added; // a picture of the output's shape that is added to the results, in floats of memory; -1 for none
	float low, high; // what the results are cut to
	const void *weights;
	const float *bias;
};

enum { INTERLEAVED_NONE, INTERLEAVED_AVX2, INTERLEAVED_AVX512, INTERLEAVED_NEON };

// A session's memory: the network's input, pictures, room for weights that are widened, and how many rows each step has made.
struct session {
	float *planes, *memory, *scratch;
	int32_t *made;
};

// interleaved_widens tells whether the processor can widen numbers of 16 bits (F16C), which its AVX2 does not say.
int interleaved_widens(void);

// interleaved_run runs steps one after the other. The processor must have the variant's instructions. It returns 0, or -1 for a
// variant that this build lacks.
int interleaved_run(const struct step *steps, int count, int variant, const struct session *session);

enum { RUN = 144 }; // most input channels of a panel whose weights are widened together, so that they stay in the first-level cache

typedef void interleaved_rows(const struct step *s, const struct session *session, int from, int to);
interleaved_rows interleaved_rows_avx2, interleaved_rows_avx512, interleaved_rows_neon;
#endif
