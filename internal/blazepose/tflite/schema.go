package tflite

import "fmt"

// Field numbers of the tables of schema.fbs: the position of a field in its table's declaration, counted from 0. A union
// takes two numbers, its type's and its value's. Only fields that are read are named.
const (
	modelVersion       = 0
	modelOperatorCodes = 1
	modelSubgraphs     = 2
	modelDescription   = 3
	modelBuffers       = 4

	bufferData = 0

	// The operator was a byte once (deprecated_builtin_code); numbers from 127 on stand in builtin_code only. The larger
	// of the two is meant.
	operatorCodeByte    = 0
	operatorCodeCustom  = 1
	operatorCodeBuiltin = 3

	subgraphTensors   = 0
	subgraphInputs    = 1
	subgraphOutputs   = 2
	subgraphOperators = 3

	tensorShape    = 0
	tensorType     = 1
	tensorBuffer   = 2
	tensorName     = 3
	tensorSparsity = 6

	operatorOpcodeIndex = 0
	operatorInputs      = 1
	operatorOutputs     = 2
	operatorOptions     = 4 // the value of a union; its type, 3, follows from the operator

	sparsityTraversalOrder = 0
	sparsityBlockMap       = 1
	sparsityDimMetadata    = 2

	dimFormat       = 0
	dimDenseSize    = 1
	dimSegmentsType = 2
	dimSegments     = 3
	dimIndicesType  = 4
	dimIndices      = 5

	indexVectorValues = 0

	convPadding    = 0
	convStrideW    = 1
	convStrideH    = 2
	convActivation = 3
	convDilationW  = 4
	convDilationH  = 5

	depthwisePadding    = 0
	depthwiseStrideW    = 1
	depthwiseStrideH    = 2
	depthwiseMultiplier = 3
	depthwiseActivation = 4
	depthwiseDilationW  = 5
	depthwiseDilationH  = 6

	poolPadding    = 0
	poolStrideW    = 1
	poolStrideH    = 2
	poolFilterW    = 3
	poolFilterH    = 4
	poolActivation = 5

	addActivation = 0

	concatenationAxis       = 0
	concatenationActivation = 1

	resizeAlignCorners     = 2 // 0 and 1 are the deprecated new_height and new_width
	resizeHalfPixelCenters = 3

	depthToSpaceBlockSize = 0
)

// Type is the element type of a tensor (schema.fbs: TensorType).
type Type int

// The element types that pose models contain.
const (
	Float32 Type = 0
	Float16 Type = 1
	Int32   Type = 2
)

var typeNames = []string{
	"FLOAT32", "FLOAT16", "INT32", "UINT8", "INT64", "STRING", "BOOL", "INT16", "COMPLEX64", "INT8", "FLOAT64",
	"COMPLEX128", "UINT64", "RESOURCE", "VARIANT", "UINT32", "UINT16", "INT4", "BFLOAT16",
}

func (t Type) String() string { return nameOf(typeNames, int(t), "type") }

// Padding says how a window meets the edge (schema.fbs: Padding).
type Padding int

// Same pads with zeros so that the output has ceil(input/stride) cells, the smaller half of an odd padding before. Valid
// does not pad.
const (
	Same  Padding = 0
	Valid Padding = 1
)

// Activation is the function fused to an operator's output (schema.fbs: ActivationFunctionType).
type Activation int

// The activations that have an ONNX counterpart here.
const (
	NoActivation Activation = 0
	Relu         Activation = 1
	ReluN1To1    Activation = 2
	Relu6        Activation = 3
)

var activationNames = []string{"NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"}

func (a Activation) String() string { return nameOf(activationNames, int(a), "activation") }

// Code is the number of an operator (schema.fbs: BuiltinOperator).
type Code int

// The operators of the BlazePose networks.
const (
	AddOp             Code = 0
	ConcatenationOp   Code = 2
	Conv2DOp          Code = 3
	DepthwiseConv2DOp Code = 4
	DepthToSpaceOp    Code = 5
	DequantizeOp      Code = 6
	LogisticOp        Code = 14
	MaxPool2DOp       Code = 17
	ReshapeOp         Code = 22
	ResizeBilinearOp  Code = 23
	PadOp             Code = 34
	DensifyOp         Code = 124
)

func (c Code) String() string { return nameOf(operatorNames, int(c), "operator") }

func nameOf(names []string, number int, kind string) string {
	if number >= 0 && number < len(names) {
		return names[number]
	}
	return fmt.Sprintf("%s number %d", kind, number)
}

// operatorNames holds BuiltinOperator's names in the order of their numbers, for error messages.
var operatorNames = []string{
	"ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "DEQUANTIZE",
	"EMBEDDING_LOOKUP", "FLOOR", "FULLY_CONNECTED", "HASHTABLE_LOOKUP", "L2_NORMALIZATION", "L2_POOL_2D",
	"LOCAL_RESPONSE_NORMALIZATION", "LOGISTIC", "LSH_PROJECTION", "LSTM", "MAX_POOL_2D", "MUL", "RELU", "RELU_N1_TO_1",
	"RELU6", "RESHAPE", "RESIZE_BILINEAR", "RNN", "SOFTMAX", "SPACE_TO_DEPTH", "SVDF", "TANH", "CONCAT_EMBEDDINGS",
	"SKIP_GRAM", "CALL", "CUSTOM", "EMBEDDING_LOOKUP_SPARSE", "PAD", "UNIDIRECTIONAL_SEQUENCE_RNN", "GATHER",
	"BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND", "TRANSPOSE", "MEAN", "SUB", "DIV", "SQUEEZE",
	"UNIDIRECTIONAL_SEQUENCE_LSTM", "STRIDED_SLICE", "BIDIRECTIONAL_SEQUENCE_RNN", "EXP", "TOPK_V2", "SPLIT",
	"LOG_SOFTMAX", "DELEGATE", "BIDIRECTIONAL_SEQUENCE_LSTM", "CAST", "PRELU", "MAXIMUM", "ARG_MAX", "MINIMUM", "LESS",
	"NEG", "PADV2", "GREATER", "GREATER_EQUAL", "LESS_EQUAL", "SELECT", "SLICE", "SIN", "TRANSPOSE_CONV",
	"SPARSE_TO_DENSE", "TILE", "EXPAND_DIMS", "EQUAL", "NOT_EQUAL", "LOG", "SUM", "SQRT", "RSQRT", "SHAPE", "POW",
	"ARG_MIN", "FAKE_QUANT", "REDUCE_PROD", "REDUCE_MAX", "PACK", "LOGICAL_OR", "ONE_HOT", "LOGICAL_AND", "LOGICAL_NOT",
	"UNPACK", "REDUCE_MIN", "FLOOR_DIV", "REDUCE_ANY", "SQUARE", "ZEROS_LIKE", "FILL", "FLOOR_MOD", "RANGE",
	"RESIZE_NEAREST_NEIGHBOR", "LEAKY_RELU", "SQUARED_DIFFERENCE", "MIRROR_PAD", "ABS", "SPLIT_V", "UNIQUE", "CEIL",
	"REVERSE_V2", "ADD_N", "GATHER_ND", "COS", "WHERE", "RANK", "ELU", "REVERSE_SEQUENCE", "MATRIX_DIAG", "QUANTIZE",
	"MATRIX_SET_DIAG", "ROUND", "HARD_SWISH", "IF", "WHILE", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5",
	"SCATTER_ND", "SELECT_V2", "DENSIFY", "SEGMENT_SUM", "BATCH_MATMUL", "PLACEHOLDER_FOR_GREATER_OP_CODES", "CUMSUM",
	"CALL_ONCE", "BROADCAST_TO", "RFFT2D", "CONV_3D", "IMAG", "REAL", "COMPLEX_ABS", "HASHTABLE", "HASHTABLE_FIND",
	"HASHTABLE_IMPORT", "HASHTABLE_SIZE", "REDUCE_ALL", "CONV_3D_TRANSPOSE", "VAR_HANDLE", "READ_VARIABLE",
	"ASSIGN_VARIABLE", "BROADCAST_ARGS", "RANDOM_STANDARD_NORMAL", "BUCKETIZE", "RANDOM_UNIFORM", "MULTINOMIAL", "GELU",
	"DYNAMIC_UPDATE_SLICE", "RELU_0_TO_1", "UNSORTED_SEGMENT_PROD", "UNSORTED_SEGMENT_MAX", "UNSORTED_SEGMENT_SUM",
	"ATAN2", "UNSORTED_SEGMENT_MIN", "SIGN", "BITCAST", "BITWISE_XOR", "RIGHT_SHIFT",
}
