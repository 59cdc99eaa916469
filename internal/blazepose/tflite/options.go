package tflite

// Conv2D holds the options of CONV_2D: filter [out, height, width, in], bias [out].
type Conv2D struct {
	Padding              Padding
	StrideH, StrideW     int
	DilationH, DilationW int
	Activation           Activation
}

// DepthwiseConv2D holds the options of DEPTHWISE_CONV_2D: filter [1, height, width, in x multiplier], bias [in x multiplier].
// Output channel c reads input channel c / multiplier.
type DepthwiseConv2D struct {
	Conv2D
	DepthMultiplier int
}

// Pool2D holds the options of MAX_POOL_2D.
type Pool2D struct {
	Padding          Padding
	StrideH, StrideW int
	FilterH, FilterW int
	Activation       Activation
}

// Add holds the options of ADD.
type Add struct{ Activation Activation }

// Concatenation holds the options of CONCATENATION. A negative axis counts from the last.
type Concatenation struct {
	Axis       int
	Activation Activation
}

// ResizeBilinear holds the options of RESIZE_BILINEAR: where an output pixel lies in the input. Both false: at
// index x in/out. HalfPixelCenters: at (index + 0.5) x in/out - 0.5. AlignCorners: at index x (in-1)/(out-1).
type ResizeBilinear struct{ AlignCorners, HalfPixelCenters bool }

// DepthToSpace holds the options of DEPTH_TO_SPACE: input channel (row x BlockSize + column) x depth + c goes to
// channel c of the block's pixel (row, column).
type DepthToSpace struct{ BlockSize int }

func readOptions(code Code, t table) any {
	switch code {
	case Conv2DOp:
		return readConv2D(t)
	case DepthwiseConv2DOp:
		return readDepthwise(t)
	case MaxPool2DOp:
		return readPool(t)
	case AddOp:
		return Add{activation(t, addActivation)}
	case ConcatenationOp:
		return Concatenation{t.intField(concatenationAxis, 0), activation(t, concatenationActivation)}
	case ResizeBilinearOp:
		return ResizeBilinear{t.boolField(resizeAlignCorners), t.boolField(resizeHalfPixelCenters)}
	case DepthToSpaceOp:
		return DepthToSpace{t.intField(depthToSpaceBlockSize, 0)}
	}
	return nil
}

func activation(t table, number int) Activation { return Activation(t.byteField(number, 0)) }

func readConv2D(t table) Conv2D {
	return Conv2D{
		Padding:    Padding(t.byteField(convPadding, 0)),
		StrideH:    t.intField(convStrideH, 0),
		StrideW:    t.intField(convStrideW, 0),
		DilationH:  t.intField(convDilationH, 1),
		DilationW:  t.intField(convDilationW, 1),
		Activation: activation(t, convActivation),
	}
}

func readDepthwise(t table) DepthwiseConv2D {
	return DepthwiseConv2D{
		Conv2D: Conv2D{
			Padding:    Padding(t.byteField(depthwisePadding, 0)),
			StrideH:    t.intField(depthwiseStrideH, 0),
			StrideW:    t.intField(depthwiseStrideW, 0),
			DilationH:  t.intField(depthwiseDilationH, 1),
			DilationW:  t.intField(depthwiseDilationW, 1),
			Activation: activation(t, depthwiseActivation),
		},
		DepthMultiplier: t.intField(depthwiseMultiplier, 0),
	}
}

func readPool(t table) Pool2D {
	return Pool2D{
		Padding:    Padding(t.byteField(poolPadding, 0)),
		StrideH:    t.intField(poolStrideH, 0),
		StrideW:    t.intField(poolStrideW, 0),
		FilterH:    t.intField(poolFilterH, 0),
		FilterW:    t.intField(poolFilterW, 0),
		Activation: activation(t, poolActivation),
	}
}
