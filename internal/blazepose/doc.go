// Package blazepose finds a person's 33 landmarks in a picture, as Python's mediapipe 0.10.21 does with static_image_mode:
// the same networks and, step by step, the arithmetic of MediaPipe's calculators, in their order and precision. Each file
// names the calculator that it mirrors.
//
//	frame -> detector -> suppression -> region -> crop -> landmarks -> refinement -> projection -> pose
//
// It finds one person, the best detected one. It refuses to follow people from picture to picture (smoothing and tracking
// are not done) and knows nothing of angles or verdicts.
//
// Frames may come as a JPEG's planes: where the processor has AVX-512, crops are cut from these, and only the pixels that they read
// are made, by libjpeg's arithmetic.
//
// Float expressions are written with explicit conversions where Go might fuse a multiplication and an addition (arm64
// does): MediaPipe's wheel for x86-64 rounds after each of them.
package blazepose
