// Package outside makes the hub a client of an MQTT broker that somebody else runs: it subscribes to the pictures, hands each
// message over, and acknowledges it only when it has been taken care of; it publishes results on the same connection. The
// session is persistent, so that the broker keeps what comes while no hub is there.
//
// Promises. Acknowledgements go out in the order of the messages (MQTT 5, 4.6). A message that could not be taken care of is
// not acknowledged: the connection is given up and made anew, upon which the broker sends it again (MQTT 5, 4.4: only then
// does it). A new connection is not made before everything of the old one is settled, so that one message is never
// handled twice at a time. What waits to be handled is bounded, by number (the receive maximum, which the broker honours in
// MQTT 5) and by bytes (the connection is not read while the budget is spent).
//
// It speaks MQTT 5, and 3.1.1 where the broker refuses 5, by the packets of eclipse/paho.golang and eclipse/paho.mqtt.golang,
// and keeps the session itself. The clients of these libraries acknowledge on a timer or not in order, and both hide
// whether a connection was given up before or after an acknowledgement.
//
// It refuses to store anything: results that cannot be published wait in memory, the newest of each topic.
package outside
