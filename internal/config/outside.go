package config

// DefaultMQTTListen is where the embedded broker listens.
const DefaultMQTTListen = "127.0.0.1:1883"

// OutsideBroker is an MQTT broker that somebody else runs.
type OutsideBroker struct {
	MQTTURL          string `name:"mqtt-url" help:"MQTT broker that already runs (Mosquitto, EMQX, HiveMQ, RabbitMQ …), to be its client: mqtt://, mqtts://, ws:// or wss://user@host:port. The broker inside then stays closed unless --mqtt-listen is given too." placeholder:"URL"`
	MQTTPasswordFile string `name:"mqtt-password-file" help:"File with the password of the URL's user; PLUMBLINE_MQTT_PASSWORD does the same." placeholder:"FILE" type:"path"`
	MQTTClientID     string `name:"mqtt-client-id" help:"Client identifier under which the broker keeps pictures for this hub while it is away (default: made once, kept in the data folder). Two hubs that stand in for each other on one NATS use the first one's." placeholder:"ID"`
	MQTTVersion      string `name:"mqtt-version" help:"Version of MQTT to speak: ${enum}. Auto tries 5 and then 3.1.1." enum:"auto,5,3.1.1" default:"auto"`
	BrokerTLS        `embed:""`
}

// BrokerListen is the plain address of the embedded broker, empty when none is wanted.
func (s *Serve) BrokerListen() string {
	if s.MQTTListen == "" && s.MQTTURL == "" {
		return DefaultMQTTListen
	}
	return s.MQTTListen
}

// EmbedsBroker says whether the embedded broker listens in any way.
func (s *Serve) EmbedsBroker() bool {
	return s.BrokerListen() != "" || s.MQTTTLSListen != "" || s.MQTTWSListen != "" || s.MQTTWSSListen != ""
}
