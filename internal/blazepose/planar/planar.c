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
