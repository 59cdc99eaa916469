package tflite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// width is the number of bytes of an element that this package reads, 0 for any other type.
func (t Type) width() int {
	switch t {
	case Float32, Int32:
		return 4
	case Float16:
		return 2
	}
	return 0
}

// Elements is the number of elements that the shape says.
func (t Tensor) Elements() int {
	n := 1
	for _, size := range t.Shape {
		n *= size
	}
	return n
}

// Float32s gives the elements of a constant in a new slice: fp16 widened (exactly), sparse ones expanded with zeros.
func (t Tensor) Float32s() ([]float32, error) {
	if t.Data == nil {
		return nil, errors.New("not a constant")
	}
	if t.Type != Float32 && t.Type != Float16 {
		return nil, fmt.Errorf("elements of %s, not of FLOAT32 or FLOAT16", t.Type)
	}
	values := floats(t.Type, t.Data)
	if t.Sparsity != nil {
		return t.Sparsity.densify(values, t.Shape)
	}
	if len(values) != t.Elements() {
		return nil, fmt.Errorf("%d values for shape %v", len(values), t.Shape)
	}
	return values, nil
}

// Int32s gives the elements of a dense INT32 constant, such as the paddings of PAD.
func (t Tensor) Int32s() ([]int, error) {
	if t.Data == nil || t.Sparsity != nil || t.Type != Int32 {
		return nil, fmt.Errorf("not a dense INT32 constant but %s", t.Type)
	}
	values := make([]int, len(t.Data)/4)
	for i := range values {
		values[i] = int(int32(binary.LittleEndian.Uint32(t.Data[4*i:])))
	}
	return values, nil
}

func floats(t Type, data []byte) []float32 {
	values := make([]float32, len(data)/t.width())
	if t == Float16 {
		for i := range values {
			values[i] = fromHalf(binary.LittleEndian.Uint16(data[2*i:]))
		}
		return values
	}
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return values
}

// fromHalf widens an IEEE 754 half (1 sign, 5 exponent, 10 fraction bits); every half is a float32. Exponents differ by the
// biases' distance, 127-15; infinities and NaN keep an exponent of ones.
func fromHalf(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent := uint32(h>>10) & 31
	fraction := uint32(h) & 1023
	switch exponent {
	case 0: // zero or subnormal: fraction x 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*(1.0/(1<<24))))
	case 31:
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
