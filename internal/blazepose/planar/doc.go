// Package planar runs MediaPipe's detection network on CPUs with AVX2, AVX-512 or NEON, to the bit as Python's wheel runs it and
// faster than ONNX Runtime does: three quarters of its 1x1 convolutions' weights are zero and are left out.
//
// The wheel's XNNPACK sums as follows (found by comparing every bit of the outputs), and so does this package:
//
//   - every product is added by a fused multiply-add, starting with the bias;
//   - a convolution adds its window row by row, the channels of a cell in their order; a weight of zero changes nothing;
//   - a depthwise convolution adds its window column by column;
//   - interpolation is a + (b - a) * t, rounded after each step, first along the rows.
//
// Tensors are planar: one plane a channel, rows with two extra columns that serve as border on both sides.
//
// It refuses networks with other layers than this one's (the landmark networks, which are dense, are package interleaved's),
// processors without fused multiply-add, and builds without cgo: the caller then uses ONNX Runtime.
package planar
