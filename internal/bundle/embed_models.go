//go:build cgo && linux && (amd64 || arm64)

package bundle

import "embed"

// The pattern takes pose_… and README.md, for the reason given at libraryAssets.
//
//go:embed assets/[Rp][Eo]*
var modelAssets embed.FS

// carries says why a build has no files inside, where that is no accident.
const carries = ""
