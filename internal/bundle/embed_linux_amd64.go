//go:build cgo

package bundle

import "embed"

// The pattern takes amd64-… and README.md: a pattern that matches nothing does not compile, and this folder holds nothing but
// README.md until `make build`.
//
//go:embed assets/[Ra][Em]*
var libraryAssets embed.FS
