#!/usr/bin/env bash
# Makes internal/cluster/scaler/externalscaler/*.pb.go anew from the proto beside them. Needs protoc (Debian: protobuf-compiler);
# its plugins are built here at the versions below.
set -euo pipefail
cd "$(dirname "$0")/.."

plugins=$(mktemp -d)
trap 'rm -rf "$plugins"' EXIT
GOBIN=$plugins go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
GOBIN=$plugins go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
PATH=$plugins:$PATH protoc -I internal/cluster/scaler/externalscaler --go_out=internal/cluster/scaler/externalscaler --go_opt=paths=source_relative \
  --go-grpc_out=internal/cluster/scaler/externalscaler --go-grpc_opt=paths=source_relative externalscaler.proto
