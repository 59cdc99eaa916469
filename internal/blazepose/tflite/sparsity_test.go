package tflite_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"plumbline/internal/blazepose/tflite"

	"github.com/google/go-cmp/cmp"
)

func sparse(shape []int, s *tflite.Sparsity, values ...float32) tflite.Tensor {
	t := tflite.Tensor{Shape: shape, Sparsity: s}
	for _, v := range values {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
	}
	return t
}

func TestSparseTensorsAreExpanded(t *testing.T) {
	for name, c := range map[string]struct {
		tensor tflite.Tensor
		want   []float32
	}{
		"compressed rows": {
			sparse([]int{2, 4}, rows(), 5, 6),
			[]float32{0, 5, 0, 0, 0, 0, 6, 0},
		},
		"compressed columns": {
			sparse([]int{2, 3}, &tflite.Sparsity{Traversal: []int{1, 0}, Levels: []tflite.Level{
				{Size: 3}, {Sparse: true, Segments: vector(1, 0, 1, 1, 3), Indices: vector(1, 1, 0, 1)},
			}}, 5, 6, 7),
			[]float32{0, 0, 6, 5, 0, 7},
		},
		"all dense": {
			sparse([]int{2, 2}, &tflite.Sparsity{Traversal: []int{1, 0}, Levels: []tflite.Level{{Size: 2}, {Size: 2}}}, 1, 2, 3, 4),
			[]float32{1, 3, 2, 4},
		},
		// The example of schema.fbs: a 4x4 matrix of 2x2 blocks, rows of blocks dense, columns of blocks compressed.
		"blocks of 2x2": {
			sparse([]int{4, 4}, &tflite.Sparsity{Traversal: []int{0, 1, 2, 3}, BlockMap: []int{0, 1}, Levels: []tflite.Level{
				{Size: 2}, {Sparse: true, Segments: vector(4, 0, 1, 2), Indices: vector(2, 1, 0)}, {Size: 2}, {Size: 2},
			}}, 1, 2, 3, 4, 5, 6, 7, 8),
			[]float32{
				0, 0, 1, 2,
				0, 0, 3, 4,
				5, 6, 0, 0,
				7, 8, 0, 0,
			},
		},
		"blocks in the last dimension of a filter": {
			sparse([]int{2, 1, 1, 4}, &tflite.Sparsity{Traversal: []int{0, 1, 2, 3, 4}, BlockMap: []int{3}, Levels: []tflite.Level{
				{Size: 2}, {Size: 1}, {Size: 1}, {Sparse: true, Segments: vector(1, 0, 1, 2), Indices: vector(1, 1, 0)}, {Size: 2},
			}}, 1, 2, 3, 4),
			[]float32{0, 0, 1, 2, 3, 4, 0, 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.tensor.Float32s()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDamagedSparsityIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(*tflite.Sparsity)
		want   string
	}{
		"a coordinate outside":        {func(s *tflite.Sparsity) { s.Levels[1].Indices = vector(1, 1, 4) }, "coordinate 4 in level 1 of 4"},
		"segments without end":        {func(s *tflite.Sparsity) { s.Levels[1].Segments = vector(1, 0, 1) }, "has no segment 1"},
		"segments backwards":          {func(s *tflite.Sparsity) { s.Levels[1].Segments = vector(1, 0, 1, 0) }, "segment 1 of level 1 is 1 to 0"},
		"segments beyond the indices": {func(s *tflite.Sparsity) { s.Levels[1].Segments = vector(1, 0, 1, 3) }, "segment 1 of level 1 is 1 to 3"},
		"fewer values than places":    {func(s *tflite.Sparsity) { s.Levels[1] = tflite.Level{Size: 4} }, "only 2 values are stored"},
		"a dense level of wrong size": {func(s *tflite.Sparsity) { s.Levels[0].Size = 3 }, "dense level 0 has 3 coordinates, not 2"},
		"a dimension twice":           {func(s *tflite.Sparsity) { s.Traversal = []int{1, 1} }, "no permutation"},
		"a level missing":             {func(s *tflite.Sparsity) { s.Levels = s.Levels[:1] }, "do not fit"},
		"a block of no dimension": {func(s *tflite.Sparsity) {
			s.Traversal, s.BlockMap = []int{0, 1, 2}, []int{7}
			s.Levels = append(s.Levels, tflite.Level{Size: 2})
		}, "names no dimension"},
		"a block that does not divide": {func(s *tflite.Sparsity) {
			s.Traversal, s.BlockMap = []int{0, 1, 2}, []int{1}
			s.Levels = append(s.Levels, tflite.Level{Size: 3})
		}, "block of 3 does not cut dimension 1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := rows()
			c.damage(s)
			_, err := sparse([]int{2, 4}, s, 5, 6).Float32s()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, without %q", err, c.want)
			}
		})
	}
}
