//go:build !linux

package ort

const mapPopulate = 0
