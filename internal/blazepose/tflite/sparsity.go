package tflite

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Sparsity says where the stored elements of a sparse tensor belong (schema.fbs: SparsityParameters, a form of TACO,
// http://tensor-compiler.org/kjolstad-oopsla17-tensor-compiler.pdf). The elements form a tree with one level a dimension, in
// traversal order. An n-dimensional tensor may be cut into k-dimensional blocks; the blocks' dimensions are levels n to n+k-1.
type Sparsity struct {
	Traversal []int   // a permutation of 0..n-1 (the tensor's dimensions), then one of n..n+k-1 (the block's)
	BlockMap  []int   // the tensor's dimension that each block dimension cuts
	Levels    []Level // in traversal order
}

// Level is one dimension of the tree. A dense level stores all Size coordinates of each parent; a sparse one stores those
// in Indices[Segments[p]:Segments[p+1]] of parent p, as compressed sparse rows do.
type Level struct {
	Sparse            bool
	Size              int // of a dense level
	Segments, Indices IndexVector
}

// IndexVector is a vector of unsigned numbers of Width bytes each (1, 2 or 4).
type IndexVector struct {
	Width int
	Bytes []byte
}

// Len is the number of elements.
func (v IndexVector) Len() int {
	if v.Width == 0 {
		return 0
	}
	return len(v.Bytes) / v.Width
}

// At gives element i, which must be in range.
func (v IndexVector) At(i int) int {
	switch v.Width {
	case 1:
		return int(v.Bytes[i])
	case 2:
		return int(binary.LittleEndian.Uint16(v.Bytes[2*i:]))
	default:
		return int(binary.LittleEndian.Uint32(v.Bytes[4*i:]))
	}
}

func readSparsity(t table) *Sparsity {
	if t.r == nil {
		return nil
	}
	s := &Sparsity{
		Traversal: t.ints(sparsityTraversalOrder, 2*maxRank),
		BlockMap:  t.ints(sparsityBlockMap, maxRank),
	}
	for _, dim := range t.tables(sparsityDimMetadata) {
		s.Levels = append(s.Levels, Level{
			Sparse:   dim.byteField(dimFormat, 0) != 0,
			Size:     dim.intField(dimDenseSize, 0),
			Segments: readIndexVector(dim, dimSegmentsType, dimSegments),
			Indices:  readIndexVector(dim, dimIndicesType, dimIndices),
		})
	}
	return s
}

// readIndexVector reads a union of Int32Vector (1), Uint16Vector (2) and Uint8Vector (3).
func readIndexVector(t table, typeNumber, valueNumber int) IndexVector {
	width := map[int]int{1: 4, 2: 2, 3: 1}[t.byteField(typeNumber, 0)]
	if width == 0 {
		return IndexVector{}
	}
	b, _ := t.tableField(valueNumber).vector(indexVectorValues, width)
	return IndexVector{width, b}
}

// densify spreads the stored values over a dense tensor of the given shape.
func (s *Sparsity) densify(values []float32, shape []int) ([]float32, error) {
	steps, sizes, err := s.plan(shape)
	if err != nil {
		return nil, fmt.Errorf("sparse tensor of shape %v: %w", shape, err)
	}
	elements := 1
	for _, size := range shape {
		elements *= size
	}
	x := expansion{levels: s.Levels, steps: steps, sizes: sizes, values: values, dense: make([]float32, elements)}
	if err := x.expand(0, 0, 0); err != nil {
		return nil, fmt.Errorf("sparse tensor of shape %v: %w", shape, err)
	}
	return x.dense, nil
}

// plan gives for each level how far one coordinate of it moves in the dense tensor, and how many coordinates it has. A
// dimension that is cut into blocks of b has size/b coordinates of b steps each; within the block there are b of one step.
func (s *Sparsity) plan(shape []int) (steps, sizes []int, err error) {
	n := len(shape)
	if err := s.checkOrder(n); err != nil {
		return nil, nil, err
	}
	stride := make([]int, n)
	for d, step := n-1, 1; d >= 0; d-- {
		stride[d], step = step, step*shape[d]
	}
	block := make([]int, n) // 0 where the dimension is not cut
	steps, sizes = make([]int, len(s.Levels)), make([]int, len(s.Levels))
	for i, d := range s.Traversal {
		if d < n {
			continue
		}
		cut, size := s.BlockMap[d-n], s.Levels[i].Size
		if s.Levels[i].Sparse || size <= 0 || block[cut] != 0 || shape[cut]%size != 0 {
			return nil, nil, fmt.Errorf("block of %d does not cut dimension %d", size, cut)
		}
		block[cut], steps[i], sizes[i] = size, stride[cut], size
	}
	for i, d := range s.Traversal[:n] {
		b := max(block[d], 1)
		steps[i], sizes[i] = stride[d]*b, shape[d]/b
		if !s.Levels[i].Sparse && s.Levels[i].Size != sizes[i] {
			return nil, nil, fmt.Errorf("dense level %d has %d coordinates, not %d", i, s.Levels[i].Size, sizes[i])
		}
	}
	return steps, sizes, nil
}

// checkOrder sees that the traversal is a permutation of the n dimensions, then one of the block's.
func (s *Sparsity) checkOrder(n int) error {
	if len(s.Traversal) != n+len(s.BlockMap) || len(s.Levels) != len(s.Traversal) {
		return errors.New("numbers of dimensions, blocks and levels do not fit")
	}
	seen := make([]bool, len(s.Traversal))
	for i, d := range s.Traversal {
		if d < 0 || d >= len(seen) || seen[d] || (d < n) != (i < n) {
			return fmt.Errorf("traversal order %v is no permutation", s.Traversal)
		}
		seen[d] = true
	}
	for _, d := range s.BlockMap {
		if d < 0 || d >= n {
			return fmt.Errorf("block map %v names no dimension", s.BlockMap)
		}
	}
	return nil
}

// expansion walks the tree of a sparse tensor and fills dense.
type expansion struct {
	levels        []Level
	steps, sizes  []int
	values, dense []float32
}

// expand visits the node at position (its number within its level) whose coordinates so far add up to offset.
func (x *expansion) expand(level, position, offset int) error {
	if level == len(x.levels) {
		if position >= len(x.values) {
			return fmt.Errorf("only %d values are stored", len(x.values))
		}
		x.dense[offset] = x.values[position]
		return nil
	}
	if x.levels[level].Sparse {
		return x.expandSparse(level, position, offset)
	}
	for i := range x.sizes[level] {
		if err := x.expand(level+1, position*x.sizes[level]+i, offset+i*x.steps[level]); err != nil {
			return err
		}
	}
	return nil
}

func (x *expansion) expandSparse(level, position, offset int) error {
	l := &x.levels[level]
	if position+1 >= l.Segments.Len() {
		return fmt.Errorf("level %d has no segment %d", level, position)
	}
	from, to := l.Segments.At(position), l.Segments.At(position+1)
	if from > to || to > l.Indices.Len() || to-from > x.sizes[level] {
		return fmt.Errorf("segment %d of level %d is %d to %d", position, level, from, to)
	}
	for i := from; i < to; i++ {
		coordinate := l.Indices.At(i)
		if coordinate >= x.sizes[level] {
			return fmt.Errorf("coordinate %d in level %d of %d", coordinate, level, x.sizes[level])
		}
		if err := x.expand(level+1, i, offset+coordinate*x.steps[level]); err != nil {
			return err
		}
	}
	return nil
}
