package cli

import (
	"context"
	"net"
	"slices"
	"strings"
	"time"

	"plumbline/internal/config"
	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/outside"
)

// lookAtBroker tries at the broker outside what the hub will do, as another client, so that a hub's session is left alone.
func lookAtBroker(ctx context.Context, e *examination) {
	if e.config.MQTTURL == "" {
		e.fine("the one inside; --mqtt-url would name one outside")
		return
	}
	o, err := outsideOptions(&e.config.OutsideBroker)
	if err != nil {
		e.wrong("%v", err)
		return
	}
	if o.Pictures, err = mqtt.ParsePattern(e.config.MQTTTopic); err != nil {
		e.wrong("--mqtt-topic: %v", err)
		return
	}
	topic := mqtt.Results(mqtt.DefaultResults).Topic("plumbline-doctor")
	seen, err := outside.Probe(ctx, o, topic)
	if err != nil {
		e.wrong("%v", err)
		return
	}
	e.fine("connected to %s%s, MQTT %s%s", o.Broker, as(o.Broker.User()), seen.Version, named(seen.Software))
	secrecy(e, o)
	rights(e, seen, o.Pictures.String(), topic)
	if seen.Version == "5" {
		promises(e, seen.Welcome)
		sizes(e, seen.Welcome)
	} else {
		e.warning("MQTT 3.1.1 tells no limits: look into the broker's settings for the largest message, and for how long it keeps an absent client's")
	}
	unseen(e, seen)
}

func as(user string) string {
	if user == "" {
		return " without an account"
	}
	return " as " + user
}

func named(software string) string {
	if software == "" {
		return ""
	}
	return " (" + software + ")"
}

func secrecy(e *examination, o outside.Options) {
	if o.Broker.Secure() {
		e.fine("the connection is over TLS")
		return
	}
	host, _, _ := net.SplitHostPort(o.Broker.Address())
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		e.warning("pictures and the password pass the network in plain text: mqtts:// or wss:// would hide them")
	}
}

func rights(e *examination, seen outside.Findings, pictures, results string) {
	switch {
	case seen.Subscribe != nil:
		e.wrong("%v", seen.Subscribe)
	case seen.QoS == 0:
		e.wrong("%s is granted at QoS 0 only: pictures on their way are lost when a connection breaks", pictures)
	default:
		e.fine("may subscribe to %s at QoS 1", pictures)
	}
	switch {
	case seen.Publish != nil:
		e.wrong("%v", seen.Publish)
	case seen.Subscribe != nil: // the connection may not have lasted
	default:
		e.fine("may publish to %s", results)
	}
}

// fewDays is less than a broken hub may take to be mended over a long weekend.
const fewDays = 3 * 24 * time.Hour

// promises are those that the broker gives when a client connects.
func promises(e *examination, w outside.Welcome) {
	switch keeps := time.Duration(w.SessionExpiry) * time.Second; {
	case keeps == 0:
		e.wrong("the broker keeps no session: what is published while the hub is away is lost")
	case keeps < fewDays:
		e.warning("the broker keeps pictures for %s while the hub is away, then forgets them", keeps)
	default:
		e.fine("the broker keeps an absent hub's session for %.0f days", keeps.Hours()/24)
	}
	if !w.RetainAvailable {
		e.warning("the broker retains no messages: who subscribes to posture/# sees the next results, not the latest")
	}
	if w.MaxQoS == 0 {
		e.wrong("the broker takes QoS 0 only: nothing is acknowledged, and what is on its way can be lost")
	}
	if !w.Wildcards {
		e.wrong("the broker allows no wildcards in subscriptions, which --mqtt-topic needs")
	}
	e.fine("at most %d messages wait for the broker's acknowledgement (receive maximum)", w.ReceiveMaximum)
}

// sizes compares the largest packet that the broker takes with the largest picture in base64.
func sizes(e *examination, w outside.Welcome) {
	const besides = 1 << 10 // topic, properties, the JSON around it
	need := int64(e.config.MaxPictureBytes)/3*4 + besides
	limit := config.Bytes((w.MaxPacket - besides) / 4 * 3)
	switch {
	case w.MaxPacket == 0:
		e.fine("the broker names no largest message")
	case w.MaxPacket < need:
		e.warning("the broker takes messages of %d bytes at most: pictures over %d bytes, as base64, never arrive (raise its limit to %d, or lower --max-picture-bytes)",
			w.MaxPacket, int64(limit), need)
	default:
		e.fine("the broker takes messages of %d bytes, the largest picture needs %d", w.MaxPacket, need)
	}
}

// unseen names what no client can see, and where most pictures are lost, in the words of the broker's own settings where it is
// known which broker it is.
func unseen(e *examination, seen outside.Findings) {
	advice := slices.Concat(otherAdvice, mosquittoAdvice) // Mosquitto may be told not to say its name
	switch {
	case strings.Contains(strings.ToLower(seen.Software), "mosquitto"):
		advice = mosquittoAdvice
	case seen.Version != "5": // RabbitMQ tells no name
		advice = slices.Concat(rabbitAdvice, otherAdvice)
	}
	for _, text := range advice {
		e.warning("cannot be seen from here: %s", text)
	}
	e.warning("cannot be seen from here: whether devices publish at QoS 1. With QoS 0 the broker keeps nothing for an absent hub, and nobody is told of a loss")
}

var (
	mosquittoAdvice = []string{
		"how many messages Mosquitto keeps for an absent hub: 1000, and it drops what comes then, unseen. Write max_queued_messages 0 (without limit) into mosquitto.conf",
		"whether Mosquitto's memory survives its restart: that needs persistence true, and autosave_interval bounds what a crash loses",
		"message_size_limit, by which Mosquitto drops larger pictures and acknowledges them: leave it out, and set max_packet_size",
	}
	rabbitAdvice = []string{
		"for how long RabbitMQ, if it is that, keeps the pictures of an absent hub: a day. Write mqtt.subscription_ttl = infinity (before 4.0) into rabbitmq.conf",
		"whether RabbitMQ's queues outlive a loss of its node: messages are on its disk, on one node unless queues are replicated",
	}
	otherAdvice = []string{
		"how many messages the broker keeps for an absent hub, and of what size: look into its settings for the limit of a client's queue",
		"whether the broker's memory survives its restart",
	}
)
