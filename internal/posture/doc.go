// Package posture holds the words of the line (Capture, Frame, Landmark, Pose, Angles, Assessment, Result) and the pure
// geometry and judgement on them. It does no input or output and imports nothing but the standard library.
package posture
