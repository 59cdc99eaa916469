//go:build !cgo || !linux || !(amd64 || arm64)

package bundle

import "embed"

// Without cgo there is no way to call ONNX Runtime, and for other systems no library is packed: such builds stay small.
var modelAssets, libraryAssets embed.FS

const carries = "this build (without cgo, or not for Linux on amd64 or arm64) carries no models and cannot analyse pictures"
