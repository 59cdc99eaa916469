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

// A picture as most JPEGs hold it: luma, and chroma of half its width and height (4:2:0). Strides are in bytes. Three bytes more
// than a plane has may be read.
struct planes {
	const uint8_t *luma, *blue, *red;
	int32_t luma_stride, chroma_stride;
};

// resample_planes is resample for a picture in planes of at least 5 x 2 pixels: its pixels are those that libjpeg would make, to
// the bit. The crop's side must be a multiple of 16, and the CPU have what RESAMPLE_AVX512 needs.
void resample_planes(const struct resample *r, const struct planes *p, float *out);
#endif
