package cli

import (
	"plumbline/internal/config"
	"plumbline/internal/mqtt/broker"
	"plumbline/internal/mqtt/ingest"
)

// brokerOptions are the embedded broker's listeners and limits.
func brokerOptions(c *config.Serve) broker.Options {
	return broker.Options{
		Listen: c.BrokerListen(), TLSListen: c.MQTTTLSListen, WSListen: c.MQTTWSListen, WSSListen: c.MQTTWSSListen,
		TLS: broker.TLS{
			CertFile: c.MQTTTLSCert, KeyFile: c.MQTTTLSKey,
			ClientCAFile: c.MQTTTLSClientCA, RevokedFile: c.MQTTTLSRevoked, Optional: c.MQTTTLSClients == "optional",
		},
		WSOrigins: c.MQTTWSOrigins, Anonymous: c.MQTTAnonymous,
		MaxClients: c.MQTTMaxClients, MaxBufferedBytes: int64(c.MQTTBuffer), MaxPacketBytes: ingest.MaxPacketBytes(int64(c.MaxPictureBytes)),
	}
}
