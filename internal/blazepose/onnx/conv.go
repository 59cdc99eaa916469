package onnx

import (
	"fmt"

	"plumbline/internal/blazepose/tflite"
)

// conv2D: TFLite's filter [out, height, width, in] becomes ONNX's [out, in, height, width]. A filter with fewer input
// channels than the image makes a grouped convolution, as in TFLite.
func (t *translator) conv2D(op tflite.Operator) error {
	o, err := options[tflite.Conv2D](op)
	if err != nil {
		return err
	}
	filter, shape, err := t.filter(op.Inputs[1])
	if err != nil {
		return err
	}
	out, kernel, in := shape[0], [2]int{shape[1], shape[2]}, shape[3]
	_, image, err := t.image(op.Inputs[0])
	if err != nil {
		return err
	}
	if image[3]%in != 0 || out%(image[3]/in) != 0 {
		return fmt.Errorf("filter %v does not fit image %v", shape, image)
	}
	w := weight{shape: []int{out, in, kernel[0], kernel[1]}, floats: channelsFirst(filter, out, kernel[0]*kernel[1], in)}
	return t.convolution(op, o, convolution{group: image[3] / in, kernel: kernel}, w)
}

// depthwiseConv2D: TFLite's filter [1, height, width, channels x multiplier] becomes [channels x multiplier, 1, height,
// width] in as many groups as the image has channels; both number the output channels alike.
func (t *translator) depthwiseConv2D(op tflite.Operator) error {
	o, err := options[tflite.DepthwiseConv2D](op)
	if err != nil {
		return err
	}
	filter, shape, err := t.filter(op.Inputs[1])
	if err != nil {
		return err
	}
	kernel, out := [2]int{shape[1], shape[2]}, shape[3]
	_, image, err := t.image(op.Inputs[0])
	if err != nil {
		return err
	}
	if shape[0] != 1 || out%image[3] != 0 {
		return fmt.Errorf("filter %v does not fit image %v", shape, image)
	}
	w := weight{shape: []int{out, 1, kernel[0], kernel[1]}, floats: channelsFirst(filter, 1, kernel[0]*kernel[1], out)}
	return t.convolution(op, o.Conv2D, convolution{group: image[3], kernel: kernel}, w)
}

// convolution completes c with strides, dilations and pads and adds it with its weights.
func (t *translator) convolution(op tflite.Operator, o tflite.Conv2D, c convolution, w weight) error {
	from, image, err := t.image(op.Inputs[0])
	if err != nil {
		return err
	}
	if o.StrideH < 1 || o.StrideW < 1 || o.DilationH < 1 || o.DilationW < 1 {
		return fmt.Errorf("stride or dilation below 1: %+v", o)
	}
	c.strides = [2]int{o.StrideH, o.StrideW}
	c.dilations = [2]int{o.DilationH, o.DilationW}
	reach := [2]int{(c.kernel[0]-1)*o.DilationH + 1, (c.kernel[1]-1)*o.DilationW + 1}
	c.pads = pads(o.Padding, image, reach, c.strides)
	if err := t.expect(op.Outputs[0], windowed(image, w.shape[0], reach, c.strides, c.pads)); err != nil {
		return err
	}

	name := fmt.Sprintf("t%d", op.Outputs[0])
	t.graph.weights[name+"_weight"] = w
	inputs := []string{from, name + "_weight"}
	if len(op.Inputs) == 3 && op.Inputs[2] >= 0 {
		bias, err := t.constant(op.Inputs[2])
		if err != nil {
			return err
		}
		if len(bias) != w.shape[0] {
			return fmt.Errorf("%d biases for %d channels", len(bias), w.shape[0])
		}
		t.graph.weights[name+"_bias"] = weight{shape: []int{len(bias)}, floats: bias}
		inputs = append(inputs, name+"_bias")
	}
	return t.define(op.Outputs[0], &node{op: "Conv", inputs: inputs, conv: &c}, o.Activation)
}

// filter gives the elements and the shape of a convolution's filter, of four dimensions and not empty.
func (t *translator) filter(tensor int) ([]float32, []int, error) {
	values, err := t.constant(tensor)
	if err != nil {
		return nil, nil, err
	}
	shape := t.model.Tensors[tensor].Shape
	elements := 1
	for _, size := range shape {
		elements *= size
	}
	if len(shape) != 4 || elements == 0 || elements != len(values) {
		return nil, nil, fmt.Errorf("shape %v of filter with %d elements", shape, len(values))
	}
	return values, shape, nil
}

// channelsFirst moves the last dimension before the pixels': [outer, pixels, channels] to [outer, channels, pixels]. Where
// either is 1 the order in memory is the same.
func channelsFirst(values []float32, outer, pixels, channels int) []float32 {
	if pixels == 1 || channels == 1 {
		return values
	}
	moved := make([]float32, len(values))
	for o := range outer {
		from, to := values[o*pixels*channels:], moved[o*pixels*channels:]
		for p := range pixels {
			for c, v := range from[p*channels : (p+1)*channels] {
				to[c*pixels+p] = v
			}
		}
	}
	return moved
}

// pads gives TFLite's padding of a window over an NHWC image as top, left, bottom, right. SAME makes ceil(size/stride)
// outputs; of an odd padding the larger half lies after the image (tensorflow/lite/kernels/padding.h).
func pads(p tflite.Padding, image []int, window, strides [2]int) [4]int {
	if p == tflite.Valid {
		return [4]int{}
	}
	top, bottom := samePadding(image[1], window[0], strides[0])
	left, right := samePadding(image[2], window[1], strides[1])
	return [4]int{top, left, bottom, right}
}

// windowed is the NHWC shape that a window leaves of an image.
func windowed(image []int, channels int, window, strides [2]int, pads [4]int) []int {
	height := (image[1]+pads[0]+pads[2]-window[0])/strides[0] + 1
	width := (image[2]+pads[1]+pads[3]-window[1])/strides[1] + 1
	return []int{image[0], height, width, channels}
}

func samePadding(size, window, stride int) (before, after int) {
	outputs := (size + stride - 1) / stride
	total := max((outputs-1)*stride+window-size, 0)
	return total / 2, total - total/2
}
