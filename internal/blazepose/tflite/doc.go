// Package tflite reads TensorFlow Lite model files: the graph, its options and its constant weights, as far as the
// BlazePose networks need them. It computes nothing: package onnx turns what is read here into a graph that ONNX Runtime
// executes.
//
// A file is a flatbuffer with the identifier "TFL3"; its schema is tensorflow/compiler/mlir/lite/schema/schema.fbs. Every
// offset is checked against the file's length, so a damaged file gives an error and never a panic. Refused are models with
// more than one subgraph, operators out of execution order, and shapes beyond any pose network's.
package tflite
