//go:build cgo

package bundle

import "embed"

// The pattern takes arm64-… and README.md: a pattern that matches nothing does not compile, and this folder holds nothing but
// README.md until `make build`.
//
//go:embed assets/[Ra][Er]*
var libraryAssets embed.FS
