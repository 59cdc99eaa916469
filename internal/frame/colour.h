#pragma once

#include <stdint.h>

// A picture as most JPEGs hold it: luma, and chroma of half its width and height (4:2:0). Strides are in bytes.
struct planes {
	const uint8_t *luma, *blue, *red;
	int luma_stride, chroma_stride;
	int width, height; // of the picture; at least five pixels wide
};

// colour_avx512 makes the RGB pixels that libjpeg makes of these planes, to the bit: chroma smoothed between its neighbours
// ("fancy up-sampling"), then JFIF's conversion. It returns 0, or -1 where memory is short. The CPU must have AVX512F, BW, DQ and VL.
int colour_avx512(const struct planes *p, uint8_t *pixels);
