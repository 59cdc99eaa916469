package config

import "fmt"

// BrokerTLS secures the connection to a broker outside, for mqtts:// and wss://.
type BrokerTLS struct {
	CA   string `name:"mqtt-ca" help:"PEM certificates of the authorities that may vouch for the broker, in place of the system's." placeholder:"FILE" type:"path"`
	Cert string `name:"mqtt-client-cert" help:"PEM certificate to show to the broker." placeholder:"FILE" type:"path"`
	Key  string `name:"mqtt-client-key" help:"Key of the certificate." placeholder:"FILE" type:"path"`
}

// Broker says how else than by plain MQTT the hub's own broker is reached, and what it may take.
type Broker struct {
	MQTTTLSListen   string   `name:"mqtt-tls-listen" help:"Address of MQTT over TLS, such as 0.0.0.0:8883 (default: none)." placeholder:"ADDR"`
	MQTTTLSCert     string   `name:"mqtt-tls-cert" help:"PEM certificate of the broker, followed by its chain. It is read again when it changes." placeholder:"FILE" type:"path"`
	MQTTTLSKey      string   `name:"mqtt-tls-key" help:"Key of the certificate." placeholder:"FILE" type:"path"`
	MQTTTLSClientCA string   `name:"mqtt-tls-client-ca" help:"Authorities (PEM) whose certificates let a device in without a password: it may publish only to images/NAME, the name in its certificate." placeholder:"FILE" type:"path"`
	MQTTTLSClients  string   `name:"mqtt-tls-clients" help:"Whether clients need such a certificate: ${enum}. Optional lets users with a password in, too." enum:"required,optional" default:"required"`
	MQTTTLSRevoked  string   `name:"mqtt-tls-revoked" help:"Those authorities' list of revoked certificates (CRL, PEM)." placeholder:"FILE" type:"path"`
	MQTTWSListen    string   `name:"mqtt-ws-listen" help:"Address of MQTT over websockets (path /mqtt), such as 127.0.0.1:8083 (default: none)." placeholder:"ADDR"`
	MQTTWSSListen   string   `name:"mqtt-wss-listen" help:"Address of MQTT over websockets over TLS, such as 0.0.0.0:8084 (default: none)." placeholder:"ADDR"`
	MQTTWSOrigins   []string `name:"mqtt-ws-origin" help:"Another site whose pages may open websockets, such as https://example.org (* for all). May be repeated." placeholder:"ORIGIN"`
	MQTTMaxClients  int      `name:"mqtt-max-clients" help:"Clients connected at one time." default:"2000"`
	MQTTBuffer      Bytes    `name:"mqtt-buffer" help:"Sum of the pictures that are being received at one time; others wait. Memory in use is up to three times this (0: two of the largest messages, 64 MiB at least)." default:"0" placeholder:"SIZE"`
}

// Validate refuses limits that nothing could pass.
func (b *Broker) Validate() error {
	if b.MQTTMaxClients < 1 {
		return fmt.Errorf("--mqtt-max-clients is %d: give at least 1", b.MQTTMaxClients)
	}
	return nil
}
