//go:build cgo

package planar_test

import (
	"encoding/binary"
	"testing"

	"plumbline/internal/blazepose/planar"
	"plumbline/internal/blazepose/tflite"
	"plumbline/internal/blazepose/tflite/tflitetest"
)

// stored makes a 1x1 convolution's weights a tensor that stores the numbers which are not zero.
func stored(b *tflitetest.Builder, weights int) {
	t := &b.Model.Tensors[weights]
	in := t.Shape[3]
	var data, segments, indices []byte
	segments = binary.LittleEndian.AppendUint16(segments, 0)
	for i, v := range b.Values[weights] {
		if v != 0 {
			data, indices = append(data, t.Data[4*i:4*i+4]...), append(indices, byte(i%in))
		}
		if i%in == in-1 {
			segments = binary.LittleEndian.AppendUint16(segments, uint16(len(indices)))
		}
	}
	t.Data = data
	t.Sparsity = &tflite.Sparsity{Traversal: []int{0, 1, 2, 3}, Levels: []tflite.Level{
		{Size: t.Shape[0]}, {Size: 1}, {Size: 1},
		{Sparse: true, Segments: tflite.IndexVector{Width: 2, Bytes: segments}, Indices: tflite.IndexVector{Width: 1, Bytes: indices}},
	}}
}

func TestStoredRows(t *testing.T) {
	for name, c := range map[string]struct {
		damage  func(l *tflite.Level)
		refused bool
	}{
		"sound":                {func(*tflite.Level) {}, false},
		"not ascending":        {func(l *tflite.Level) { l.Indices.Bytes[0], l.Indices.Bytes[1] = l.Indices.Bytes[1], l.Indices.Bytes[0] }, false},
		"no such channel":      {func(l *tflite.Level) { l.Indices.Bytes[0] = 200 }, true},
		"a segment backwards":  {func(l *tflite.Level) { l.Segments.Bytes[2] = 255 }, true},
		"too few segments":     {func(l *tflite.Level) { l.Segments.Bytes = l.Segments.Bytes[:4] }, true},
		"no segments":          {func(l *tflite.Level) { l.Segments.Bytes = nil }, true},
		"too few channels":     {func(l *tflite.Level) { l.Indices.Bytes = l.Indices.Bytes[:3] }, true},
		"first segment from 1": {func(l *tflite.Level) { l.Segments.Bytes[0] = 1 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := tflitetest.NewBuilder()
			out := b.Convolve(b.Input(6, 6, 150), 5, 1, 1, false, 0.7, tflite.NoActivation)
			weights := b.Model.Operators[0].Inputs[1]
			stored(b, weights)
			c.damage(&b.Model.Tensors[weights].Sparsity.Levels[3])
			want := b.Output(out)
			if c.refused {
				if _, err := planar.New(&b.Model); err == nil {
					t.Error("it is accepted")
				}
				return
			}
			s := session(t, &b.Model)
			copy(s.Input(), b.Planes(t))
			if err := s.Run(); err != nil {
				t.Fatal(err)
			}
			if name == "sound" {
				compare(t, name, s.Output(0), want)
			}
		})
	}
}
