// Layers of a convolutional network on planes of floats: one plane a channel, rows of `pitch` floats.
//
// A plane holds height rows of width numbers and two more columns. Before its first row and after its last lie border_floats
// floats, which belong to it. Border and extra columns may hold anything; who needs zeros there writes them.
#ifndef PLUMBLINE_PLANAR_H
#define PLUMBLINE_PLANAR_H
#include <stddef.h>
#include <stdint.h>

enum kind { CONVOLVE, DEPTHWISE, FIRST, SUM, ENLARGE, SPREAD, COLLECT };

// A run's weights for an output channel.
struct list {
	int32_t channel, count;
};

struct layer {
	int32_t kind;
	int32_t channels, height, width, pitch, plane;                         // of the input; plane: floats from one to the next
	int32_t out_channels, out_height, out_width, out_pitch, out_plane;     // of the output
	int32_t side, stride;                                                  // of a window
	int32_t runs;                                                          // CONVOLVE: runs of input channels
	int32_t together;                                                      // CONVOLVE: output channels that it makes before the next layer takes them; 0: all
	float low, high;                                                       // what the results are cut to
	int64_t in, in2, out;                                                  // where the tensors' first numbers lie in memory, in floats; in2: a summand, -1 for none
	const float *weights;                                                  // CONVOLVE: those that are not zero, by run and output channel
	const float *bias;
	const uint32_t *offsets;                                               // CONVOLVE: where each weight's input channel begins
	const struct list *lists;                                              // CONVOLVE: what each run has for each output channel
};

enum { WIDEST = 256 }; // the widest picture that a window moves over

enum { PLANAR_NONE, PLANAR_AVX2, PLANAR_AVX512, PLANAR_NEON };

// planar_run runs layers one after the other on memory. The processor must have the variant's instructions. It returns 0, or -1
// for a variant that this build lacks.
int planar_run(const struct layer *layers, int count, int variant, float *memory);

void planar_layer_avx2(const struct layer *l, float *memory);
void planar_layer_avx512(const struct layer *l, float *memory);
void planar_layer_neon(const struct layer *l, float *memory);
#endif
