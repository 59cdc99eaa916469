#!/usr/bin/env bash
# Runs every fuzz test of the module, one after the other: fuzz.sh DURATION
set -euo pipefail
. "$(dirname "$0")/cgo.sh"

duration=${1:?usage: fuzz.sh DURATION}
go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' ./... | while read -r package folder; do
  { grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$folder"/*_test.go || true; } | awk '{print $2}' | while read -r target; do
    echo "$package $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" "$package"
  done
done
