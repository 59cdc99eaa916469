"""Publishes COUNT pictures with Python's paho-mqtt, as a camera's script would, and waits until all are acknowledged.

usage: publish.py PORT VERSION QOS COUNT
"""
import sys
import threading

import paho.mqtt.client as mqtt

port, version, qos, count = (int(a) for a in sys.argv[1:5])
left = count
done = threading.Event()


def on_publish(client, userdata, mid, reason, properties):
    global left
    if reason.is_failure:
        sys.exit(f"refused: {reason}")
    left -= 1
    if left == 0:
        done.set()


# A session that is kept, as devices that must not lose pictures do.
kept = {"clean_session": False} if version == 4 else {}
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="camera", protocol=version, **kept)
client.on_publish = on_publish
client.reconnect_delay_set(min_delay=1, max_delay=1)
if version == 5:
    expiry = mqtt.Properties(mqtt.PacketTypes.CONNECT)
    expiry.SessionExpiryInterval = 3600
    client.connect("127.0.0.1", port, clean_start=False, properties=expiry)
else:
    client.connect("127.0.0.1", port)
client.loop_start()
for i in range(count):
    client.publish("images/pi1", f"picture {i}".encode() + b"x" * 50_000, qos=qos)
if not done.wait(20):
    sys.exit(f"{left} of {count} are not acknowledged")
client.disconnect()
client.loop_stop()
