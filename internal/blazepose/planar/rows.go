package planar

import (
	"slices"

	"plumbline/internal/blazepose/tflite"
)

// rows are the weights of a 1x1 convolution that are not zero: one row an output channel.
type rows struct {
	weights  []float32
	channels []uint16 // the input channel of each weight, ascending within a row
	ends     []int    // where each row ends
}

// denseRows leaves out the zeros of weights [out][in].
func denseRows(weights []float32, in int) *rows {
	r := new(rows)
	for i, w := range weights {
		if w != 0 {
			r.weights, r.channels = append(r.weights, w), append(r.channels, uint16(i%in))
		}
		if i%in == in-1 {
			r.ends = append(r.ends, len(r.weights))
		}
	}
	return r
}

// storedRows reads the rows of a tensor [out][1][1][in] that stores them as such, which spares expanding it. ok is false where it
// is stored in another way.
func storedRows(t tflite.Tensor) (r *rows, ok bool) {
	s := t.Sparsity
	if s == nil || len(t.Shape) != 4 || t.Shape[1]*t.Shape[2] != 1 || len(s.BlockMap) > 0 || len(s.Levels) != 4 || len(s.Traversal) != 4 {
		return nil, false
	}
	for i, level := range s.Levels {
		if s.Traversal[i] != i || level.Sparse != (i == 3) {
			return nil, false
		}
	}
	stored := s.Levels[3]
	n := stored.Indices.Len()
	values := tflite.Tensor{Shape: []int{n}, Type: t.Type, Data: t.Data}
	weights, err := values.Float32s()
	if err != nil || stored.Segments.Len() != t.Shape[0]+1 || stored.Segments.At(0) != 0 || stored.Segments.At(t.Shape[0]) != n {
		return nil, false
	}
	r = &rows{weights: weights, channels: make([]uint16, n), ends: make([]int, t.Shape[0])}
	return r, r.fill(stored, t.Shape[3])
}

// fill reads the channels, and sees that they ascend and exist.
func (r *rows) fill(stored tflite.Level, in int) bool {
	at := 0
	for row := range r.ends {
		r.ends[row] = stored.Segments.At(row + 1)
		if r.ends[row] < at || r.ends[row] > len(r.channels) {
			return false
		}
		for before := -1; at < r.ends[row]; at++ {
			c := stored.Indices.At(at)
			if c <= before || c >= in {
				return false
			}
			r.channels[at], before = uint16(c), c
		}
	}
	return true
}

// run is how many input channels are read before the next positions: up to 128 numbers each, 48 KiB.
const run = 96

// list is what a run of input channels has for an output channel: how many weights.
type list struct{ channel, count int32 }

// pack lists the weights and where their channels begin (channel times plane) by run of run input channels, output channel and
// input channel. Within a run, the output channels come in the order of how many weights they have.
func (r *rows) pack(in, run, plane int, weights []float32, offsets []uint32, lists []list) {
	cursors := make([]int, len(r.ends)) // the next weight of each row
	for row := 1; row < len(r.ends); row++ {
		cursors[row] = r.ends[row-1]
	}
	n := 0
	for end := run; end < in+run; end += run {
		some := lists[:len(r.ends)]
		lists = lists[len(r.ends):]
		r.count(cursors, end, some)
		for _, l := range some {
			at := cursors[l.channel]
			for i := range int(l.count) {
				weights[n], offsets[n] = r.weights[at+i], uint32(int(r.channels[at+i])*plane)
				n++
			}
			cursors[l.channel] += int(l.count)
		}
	}
}

// count lists how many weights each row has from its cursor on for channels before end, in ascending order.
func (r *rows) count(cursors []int, end int, into []list) {
	for row, at := range cursors {
		into[row] = list{channel: int32(row)}
		for ; at < r.ends[row] && int(r.channels[at]) < end; at++ {
			into[row].count++
		}
	}
	slices.SortStableFunc(into, func(a, b list) int { return int(a.count - b.count) })
}
