// Package externalscaler is the code that protoc makes of externalscaler.proto, and nothing else. It is made anew by
// scripts/proto.sh.
package externalscaler
