// Package broker is the embedded MQTT broker (3.1.1 and 5). It hands every picture to one function and acknowledges only
// what that function accepted; it publishes results, retained. It is no general broker: clients publish pictures and read
// results and nothing else, pictures are neither forwarded nor retained, last wills are ignored, and off loopback nobody
// connects without an account unless anonymous clients are explicitly allowed.
//
// It is the only package that knows mochi-mqtt; DESIGN.md beside it says how mochi orders things and what is built on it.
package broker
