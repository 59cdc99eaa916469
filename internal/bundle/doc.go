// Package bundle finds the files that inference needs: MediaPipe's models and ONNX Runtime's library. They travel compressed
// inside the binary and are unpacked once into the user's cache, or lie in a folder and are used in place.
//
// The files in the cache are checked against the SHA-256 of package manifest when they are unpacked. At later starts a note
// beside each file tells whether it is still the one that was checked (see mark.go), because hashing 50 MB would take a
// third of a start. Models that lie somewhere are held against the same hashes, in full, at every start: a damaged one would be
// used without complaint and find nobody. Libraries there are taken as they are: which build fits is the user's choice.
//
// The package does not load anything, and downloads nothing.
package bundle

//go:generate go run ./pack -modules ../../node_modules -assets assets -heavy ../../dist/pose_landmark_heavy.tflite
