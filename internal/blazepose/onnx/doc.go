// Package onnx turns a TensorFlow Lite graph into an ONNX model that ONNX Runtime executes well on its own terms: images as
// batch, channels, height, width (NCHW) instead of NHWC, fp16 and sparse weights as plain float32, paddings inside the
// convolutions, unused outputs and all that serves only them left out.
//
// The way is model -> translate (one function an operator) -> graph -> passes (one function a rewrite, each exact but for
// rounding) -> encode (protobuf wire format). It refuses what it does not know, naming the operator; it never approximates.
// It neither runs models nor touches files.
package onnx
