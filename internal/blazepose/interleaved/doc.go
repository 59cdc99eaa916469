// Package interleaved runs MediaPipe's landmark networks on CPUs with AVX2, AVX-512 or NEON, to the bit as Python's wheel runs
// them and faster than ONNX Runtime does.
//
// The wheel's XNNPACK sums as follows (found by comparing every bit of the outputs), and so does this package:
//
//   - every product is added by a fused multiply-add, starting with the bias;
//   - a convolution adds its window row by row, the channels of a cell in their order;
//   - a depthwise convolution adds its window column by column;
//   - interpolation is a + (b - a) * t, rounded after each step, first along the rows;
//   - what is added to a convolution's result is added after its last product.
//
// Tensors are interleaved: the channels of a cell lie together, so vectors run over channels and every layer fills them, down to
// pictures of 2 x 2 cells. Three things make it fast:
//
//   - a convolution keeps the sums of 8 cells x 48 channels in registers;
//   - layers on large pictures take turns: each makes a few rows when the next one needs them, and only these are kept, so that
//     they are still in the second-level cache;
//   - the weights of the others, 16 bits each, stay so in memory and are widened a few thousand at a time.
//
// It refuses networks with other layers than these, processors without fused multiply-add, and builds without cgo: the caller
// then uses ONNX Runtime. The detection network, three quarters of whose weights are zero, is package planar's.
package interleaved
