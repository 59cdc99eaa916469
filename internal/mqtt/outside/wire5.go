package outside

import (
	"fmt"
	"io"

	"github.com/eclipse/paho.golang/packets"
)

// sessionExpiry is how long a broker keeps the session, and with it the pictures, of a hub that is away: seconds.
const sessionExpiry = 7 * 24 * 3600

// wire5 is MQTT 5.
type wire5 struct{}

func (wire5) version() string { return "5" }

func (wire5) connect(w io.Writer, l login) error {
	receive, maxPacket, expiry := uint16(l.receiveMaximum), uint32(l.maxPacket), uint32(sessionExpiry)
	return send(w, &packets.Connect{
		ProtocolName: "MQTT", ProtocolVersion: 5, ClientID: l.clientID, KeepAlive: uint16(keepAlive.Seconds()), CleanStart: l.clean,
		UsernameFlag: l.user != "", Username: l.user, PasswordFlag: l.password != "", Password: []byte(l.password),
		Properties: &packets.Properties{ReceiveMaximum: &receive, MaximumPacketSize: &maxPacket, SessionExpiryInterval: &expiry},
	})
}

// subscribe asks for retained messages only when the subscription is new to the broker: what it kept has been seen else.
func (wire5) subscribe(w io.Writer, id uint16, filter string) error {
	const retainedIfNew = 1
	return send(w, &packets.Subscribe{PacketID: id, Properties: &packets.Properties{}, Subscriptions: []packets.SubOptions{{
		Topic: filter, QoS: 1, RetainHandling: retainedIfNew,
	}}})
}

func (wire5) publish(w io.Writer, id uint16, r result) error {
	return send(w, &packets.Publish{Topic: r.topic, PacketID: id, QoS: r.qos, Retain: r.retain, Payload: r.payload, Properties: &packets.Properties{}})
}

func (wire5) acknowledge(w io.Writer, id uint16) error {
	return send(w, &packets.Puback{PacketID: id, Properties: &packets.Properties{}})
}

func (wire5) ping(w io.Writer) error { return send(w, &packets.Pingreq{}) }

func (wire5) disconnect(w io.Writer, forget bool) error {
	p := &packets.Properties{}
	if forget {
		p.SessionExpiryInterval = new(uint32)
	}
	return send(w, &packets.Disconnect{Properties: p})
}

func send(w io.Writer, p io.WriterTo) error {
	_, err := p.WriteTo(w)
	return err
}

func (wire5) read(r io.Reader) (event, error) {
	packet, err := packets.ReadPacket(r)
	if err != nil {
		return nil, err
	}
	switch p := packet.Content.(type) {
	case *packets.Connack:
		return welcome{code: p.ReasonCode, words: words(p.Properties), Welcome: welcomed(p)}, nil
	case *packets.Publish:
		return delivery{topic: p.Topic, id: p.PacketID, qos: p.QoS, dup: p.Duplicate, retain: p.Retain, payload: p.Payload}, nil
	case *packets.Puback:
		return published{answer{id: p.PacketID, code: p.ReasonCode, words: words(p.Properties)}}, nil
	case *packets.Suback:
		if len(p.Reasons) != 1 {
			return nil, fmt.Errorf("the MQTT broker answered one subscription with %d reasons", len(p.Reasons))
		}
		return subscribed{answer{id: p.PacketID, code: p.Reasons[0], words: words(p.Properties)}}, nil
	case *packets.Disconnect:
		return farewell{code: p.ReasonCode, words: words(p.Properties)}, nil
	}
	return otherEvent{}, nil
}

// words are the broker's own about a reason.
func words(p *packets.Properties) string {
	if p == nil {
		return ""
	}
	return p.ReasonString
}

// welcomed fills in what a broker leaves out because it is the default (MQTT 5, 3.2.2.3).
func welcomed(c *packets.Connack) Welcome {
	w := Welcome{SessionPresent: c.SessionPresent, SessionExpiry: sessionExpiry, ReceiveMaximum: 65535, MaxQoS: 2, RetainAvailable: true, Wildcards: true}
	p := c.Properties
	if p == nil {
		return w
	}
	fill(&w.SessionExpiry, p.SessionExpiryInterval)
	fill(&w.ReceiveMaximum, p.ReceiveMaximum)
	fill(&w.MaxPacket, p.MaximumPacketSize)
	fill(&w.MaxQoS, p.MaximumQOS)
	fill(&w.KeepAlive, p.ServerKeepAlive)
	w.RetainAvailable = p.RetainAvailable == nil || *p.RetainAvailable == 1
	w.Wildcards = p.WildcardSubAvailable == nil || *p.WildcardSubAvailable == 1
	return w
}

func fill[T, F byte | uint16 | uint32 | int | int64](field *T, value *F) {
	if value != nil {
		*field = T(*value)
	}
}
