package broker

import (
	"fmt"
	"net"
)

// endpoint is an address to listen on and what is spoken there.
type endpoint struct {
	scheme  string // mqtt, mqtts, ws or wss
	address string // host:port
	flag    string // that sets the address
}

// endpoints are those that are wanted, the plain one first; without any, the plain one of this machine.
func (o Options) endpoints() []endpoint {
	var wanted []endpoint
	for _, e := range []endpoint{
		{"mqtt", o.Listen, "--mqtt-listen"}, {"mqtts", o.TLSListen, "--mqtt-tls-listen"},
		{"ws", o.WSListen, "--mqtt-ws-listen"}, {"wss", o.WSSListen, "--mqtt-wss-listen"},
	} {
		if e.address != "" {
			wanted = append(wanted, e)
		}
	}
	if len(wanted) == 0 {
		wanted = []endpoint{{"mqtt", DefaultListen, "--mqtt-listen"}}
	}
	return wanted
}

func (e endpoint) secured() bool   { return e.scheme == "mqtts" || e.scheme == "wss" }
func (e endpoint) websocket() bool { return e.scheme == "ws" || e.scheme == "wss" }

func (e endpoint) host() string {
	host, _, _ := net.SplitHostPort(e.address)
	return host
}

func (e endpoint) loopback() bool { return isLoopback(e.host()) }

// network keeps an IPv4 address to IPv4: without that 0.0.0.0 would listen on every IPv6 address, too.
func (e endpoint) network() string {
	if ip := net.ParseIP(e.host()); ip != nil && ip.To4() != nil {
		return "tcp4"
	}
	return "tcp"
}

// validate refuses an endpoint that anybody on the network could write to without that being wanted.
func (e endpoint) validate(o Options) error {
	if _, _, err := net.SplitHostPort(e.address); err != nil {
		return fmt.Errorf("MQTT listen address %q: want host:port, such as %s: %w", e.address, DefaultListen, err)
	}
	if e.secured() && o.TLS.CertFile == "" {
		return fmt.Errorf("%s %s needs a certificate and its key: --mqtt-tls-cert and --mqtt-tls-key", e.flag, e.address)
	}
	if e.loopback() || o.Anonymous || o.hasUsers() || (e.secured() && o.TLS.ClientCAFile != "") {
		return nil
	}
	return fmt.Errorf("MQTT would listen on %s, where other machines reach it, but there are no accounts: "+
		"add some with `plumbline users add NAME`, or let devices show certificates (--mqtt-tls-listen and --mqtt-tls-client-ca), "+
		"or allow everybody with --mqtt-anonymous, or listen on 127.0.0.1", e.address)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
