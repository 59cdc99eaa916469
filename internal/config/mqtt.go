package config

// BrokerTLS secures the connection to a broker outside, for mqtts:// and wss://.
type BrokerTLS struct {
	CA   string `name:"mqtt-ca" help:"PEM certificates of the authorities that may vouch for the broker, in place of the system's." placeholder:"FILE" type:"path"`
	Cert string `name:"mqtt-client-cert" help:"PEM certificate to show to the broker." placeholder:"FILE" type:"path"`
	Key  string `name:"mqtt-client-key" help:"Key of the certificate." placeholder:"FILE" type:"path"`
}
