// Reads a picture of bytes at the positions to which a projection leads, as cv::warpPerspective with INTER_LINEAR does.
#ifndef PLUMBLINE_RESAMPLE_H
#define PLUMBLINE_RESAMPLE_H
#include <stdint.h>

struct resample {
	double matrix[9];     // by rows; leads from the crop's pixel (x, y, 1) to the picture's
	int32_t width, height; // of the picture in pixels, at least 1
	int32_t side;          // of the crop in pixels
	int32_t zero_border;   // outside the picture is black (1) or the nearest pixel (0)
	float scale, offset;   // from a byte to the crop's value: byte * scale + offset, rounded once
};

enum { RESAMPLE_PORTABLE, RESAMPLE_AVX2, RESAMPLE_AVX512 };

// pixels: height x width x 3 bytes, and not one is read beyond them. out: three planes of side x side. All variants give
// the same bits; the caller must know that the CPU has the variant's instructions.
void resample(const struct resample *r, int variant, const uint8_t *pixels, float *out);
#endif
