// Package ingest turns an MQTT message into a capture, or into a refusal with its reason. It reads the forms in which
// devices send pictures, checks names and sizes, and commits nothing itself: what accepts captures and refusals is passed
// in. It does not decode pictures (a function that looks at their headers is passed in) and follows no link out of a
// payload.
package ingest
