package cli

import (
	"context"
	"errors"

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

// mqttReady says why no device could publish now. The page is there before the broker, which starts last.
func (h *hub) mqttReady(ctx context.Context) error {
	if h.config.EmbedsBroker() && h.broker.embedded.Load() == nil {
		return errors.New("the MQTT broker does not listen yet")
	}
	return h.broker.ready(ctx)
}
