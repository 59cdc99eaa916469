// Package image builds the container image of Plumbline's workers without Docker: base image, models, runtime library and
// binary, for several platforms in one OCI index. It is the only door to go-containerregistry.
//
// The same inputs give the same digest: times, owners and orders come from the inputs, never from the machine. What changes
// seldom lies in the lower layers, so that a new binary costs the registry and the nodes one layer. Models and libraries
// are plain files, used in place: a pod unpacks nothing when it starts.
//
// The package refuses what could not run: a binary of another platform, a base without the shared libraries that are needed,
// or with older ones. It compiles nothing, and runs nothing of what it packs.
package image
