// Package web shows what the line finds: a page that fills as results come, pictures, a small JSON API, metrics and health.
//
// It only reads. What changes something (dead letters replayed or dropped) is served by AdminHandler alone, meant for the
// hub's private socket. It refuses to listen beyond loopback without a token or an explicit word that none is wanted, to
// answer to foreign host names on loopback, and to trust any name that came from a device.
package web
