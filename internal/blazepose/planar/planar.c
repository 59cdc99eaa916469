#include "planar.h"

typedef void run_layer(const struct layer *, float *);

static run_layer *of_variant(int variant) {
#if defined(__x86_64__)
	if (variant == PLANAR_AVX512) return planar_layer_avx512;
	if (variant == PLANAR_AVX2) return planar_layer_avx2;
#elif defined(__aarch64__)
	if (variant == PLANAR_NEON) return planar_layer_neon;
#endif
	(void)variant;
	return 0;
}

int planar_run(const struct layer *layers, int count, int variant, float *memory) {
	run_layer *run = of_variant(variant);
	if (!run) return -1;
	for (int i = 0; i < count; i++) run(&layers[i], memory);
	return 0;
}

void planar_pack(const float *weights, int out_channels, int in_channels, int run, uint32_t plane, float *packed, uint32_t *offsets,
		 int32_t *counts) {
	size_t n = 0;
	for (int start = 0; start < in_channels; start += run) {
		int end = start + run < in_channels ? start + run : in_channels;
		for (int out = 0; out < out_channels; out++) {
			const float *row = weights + (size_t)out * (size_t)in_channels;
			size_t before = n;
			for (int c = start; c < end; c++) { // without a branch, which would be mispredicted on every fourth weight
				packed[n] = row[c];
				offsets[n] = (uint32_t)c * plane;
				n += row[c] != 0;
			}
			*counts++ = (int32_t)(n - before);
		}
	}
}
