"""Publishes COUNT pictures with Python's paho-mqtt, as a camera's script would, and waits until all are acknowledged.

usage: publish.py URL CA VERSION QOS COUNT
"""
import sys
import threading
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt

url, authority = urlsplit(sys.argv[1]), sys.argv[2]
version, qos, count = (int(a) for a in sys.argv[3:])
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
transport = "websockets" if url.scheme in ("ws", "wss") else "tcp"
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="camera", protocol=version, transport=transport, **kept)
if url.scheme in ("mqtts", "wss"):
    client.tls_set(ca_certs=authority)
client.on_publish = on_publish
client.reconnect_delay_set(min_delay=1, max_delay=1)
if version == 5:
    expiry = mqtt.Properties(mqtt.PacketTypes.CONNECT)
    expiry.SessionExpiryInterval = 3600
    client.connect(url.hostname, url.port, clean_start=False, properties=expiry)
else:
    client.connect(url.hostname, url.port)
client.loop_start()
for i in range(count):
    client.publish("images/pi1", f"picture {i}".encode() + b"x" * 50_000, qos=qos)
if not done.wait(20):
    sys.exit(f"{left} of {count} are not acknowledged")
client.disconnect()
client.loop_stop()
