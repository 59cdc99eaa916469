package interleaved

import (
	"encoding/binary"
	"unsafe"

	"plumbline/internal/blazepose/tflite"
)

// panelGroups is how many groups of output channels a panel has at most: vectors that the C code's inner loop works on.
const panelGroups = 3

// panelsOf is how many panels the output channels of a dense step are split into.
func panelsOf(channels int) int {
	return (roundUp(channels)/group + panelGroups - 1) / panelGroups
}

// depth is how many products a dense step adds up.
func (s *step) depth() int { return s.side * s.side * s.in.channels }

// halves tells whether a step's weights stay numbers of 16 bits. They do where each is used once a picture: reading them from
// memory is what takes the time there, and widening them on the way costs less than reading twice as much.
func (s *step) halves() bool {
	t := s.weights
	return s.kind == dense && s.before == 0 && s.block == s.out.height && t.Type == tflite.Float16 && t.Sparsity == nil && len(t.Data) == 2*t.Elements()
}

// weightBytes is how much memory a step's packed weights take.
func (s *step) weightBytes() int {
	switch {
	case s.halves():
		return 2 * s.depth() * s.out.cell
	case s.kind == dense:
		return 4 * s.depth() * s.out.cell
	case s.kind == depthwise:
		return 4 * s.side * s.side * s.out.cell
	}
	return 0
}

// packDense orders weights [out][depth] by panel, depth, and output channel within the panel; channels that only fill the last
// group have weights of zero. to has room for roundUp(out) * depth elements, all zero.
func packDense[E uint16 | float32](weights []E, out, depth int, to []E) {
	groups, panels := roundUp(out)/group, panelsOf(out)
	for p := range panels {
		first, end := groups*p/panels*group, groups*(p+1)/panels*group
		wide, columns := end-first, min(end, out)-first
		from, panel := weights[first*depth:], to[first*depth:end*depth]
		for k := range depth {
			row := panel[k*wide:][:columns]
			for c := range row {
				row[c] = from[c*depth+k]
			}
		}
	}
}

// packDepthwise orders weights [row][column][channel] by group of channels, column, row, and channel.
func packDepthwise(weights []float32, side, channels int, to []float32) {
	for c := range channels {
		for y := range side {
			for x := range side {
				to[(c/group*side*side+x*side+y)*group+c%group] = weights[(y*side+x)*channels+c]
			}
		}
	}
}

// halves gives the elements of a dense FLOAT16 tensor as they are: in place, on the little-endian processors that this package
// knows, where they lie so that the processor can read them.
func halves(t tflite.Tensor) []uint16 {
	if n := t.Elements(); n > 0 && uintptr(unsafe.Pointer(&t.Data[0]))%2 == 0 {
		return unsafe.Slice((*uint16)(unsafe.Pointer(&t.Data[0])), n)
	}
	values := make([]uint16, t.Elements())
	for i := range values {
		values[i] = binary.LittleEndian.Uint16(t.Data[2*i:])
	}
	return values
}
