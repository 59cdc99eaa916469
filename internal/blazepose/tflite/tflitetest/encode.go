package tflitetest

import "plumbline/internal/blazepose/tflite"

// Encode gives the .tflite file that tflite.Parse reads as m. Field numbers are schema.fbs's.
func Encode(m *tflite.Model) []byte {
	buffers := []fields{{}} // number 0 is the empty one, by convention
	var tensors []fields
	for _, t := range m.Tensors {
		tensors = append(tensors, tensor(t, &buffers))
	}
	var operators, codes []fields
	for i, op := range m.Operators {
		operators = append(operators, operator(op, i))
		code := fields{0: byte(min(op.Code, 127)), 3: int32(op.Code)}
		if op.Custom != "" {
			code[1] = op.Custom
		}
		codes = append(codes, code)
	}
	graph := fields{0: tensors, 1: m.Inputs, 2: m.Outputs, 3: operators}
	root := fields{0: int32(m.Version), 1: codes, 2: []fields{graph}, 3: m.Description, 4: buffers}
	b := &builder{file: []byte("\x00\x00\x00\x00TFL3")}
	b.refer(0, root)
	return b.file
}

func tensor(t tflite.Tensor, buffers *[]fields) fields {
	f := fields{0: t.Shape, 1: byte(t.Type), 3: t.Name}
	if t.Data != nil {
		f[2] = int32(len(*buffers))
		*buffers = append(*buffers, fields{0: counted{t.Data, len(t.Data)}})
	}
	if s := t.Sparsity; s != nil {
		var levels []fields
		for _, l := range s.Levels {
			levels = append(levels, level(l))
		}
		f[6] = fields{0: s.Traversal, 1: s.BlockMap, 2: levels}
	}
	return f
}

func level(l tflite.Level) fields {
	if !l.Sparse {
		return fields{0: byte(0), 1: int32(l.Size)}
	}
	kinds := map[int]byte{4: 1, 2: 2, 1: 3}
	values := func(v tflite.IndexVector) fields { return fields{0: counted{v.Bytes, v.Len()}} }
	return fields{
		0: byte(1), 1: int32(l.Size),
		2: kinds[l.Segments.Width], 3: values(l.Segments),
		4: kinds[l.Indices.Width], 5: values(l.Indices),
	}
}

func operator(op tflite.Operator, code int) fields {
	f := fields{0: int32(code), 1: op.Inputs, 2: op.Outputs}
	switch o := op.Options.(type) {
	case tflite.Conv2D:
		f[4] = conv(o)
	case tflite.DepthwiseConv2D:
		options := conv(o.Conv2D)
		f[4] = fields{0: options[0], 1: options[1], 2: options[2], 3: int32(o.DepthMultiplier), 4: options[3], 5: options[4], 6: options[5]}
	case tflite.Pool2D:
		f[4] = fields{0: byte(o.Padding), 1: int32(o.StrideW), 2: int32(o.StrideH), 3: int32(o.FilterW), 4: int32(o.FilterH), 5: byte(o.Activation)}
	case tflite.Add:
		f[4] = fields{0: byte(o.Activation)}
	case tflite.Concatenation:
		f[4] = fields{0: int32(o.Axis), 1: byte(o.Activation)}
	case tflite.ResizeBilinear:
		f[4] = fields{2: flag(o.AlignCorners), 3: flag(o.HalfPixelCenters)}
	case tflite.DepthToSpace:
		f[4] = fields{0: int32(o.BlockSize)}
	}
	return f
}

func conv(o tflite.Conv2D) fields {
	return fields{
		0: byte(o.Padding), 1: int32(o.StrideW), 2: int32(o.StrideH), 3: byte(o.Activation),
		4: int32(o.DilationW), 5: int32(o.DilationH),
	}
}

func flag(v bool) byte {
	if v {
		return 1
	}
	return 0
}
