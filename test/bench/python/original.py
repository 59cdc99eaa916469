"""The Python system that Plumbline replaces, as one long-lived process, to be measured against.

It does with a picture what the original does: base64 from MQTT, OpenCV, MediaPipe in static image mode, two angles by
the original's formula and thresholds, the annotated picture on disk, one committed row in posture_log. Being
long-lived favours it: the original's jobs start anew and pay for their imports each time.

usage: original.py --broker HOST:PORT --dsn DSN --pictures FOLDER [--share N:I]
With --share N:I it analyses every N-th picture only, beginning with number I, so that N processes share the work.
It prints "ready" when it is subscribed.
"""
import argparse
import base64
import datetime
import math
import os
import socket

import cv2
import mediapipe as mp
import numpy as np
import paho.mqtt.client as mqtt
import psycopg2

solution = mp.solutions.pose
LEFT_EAR, LEFT_SHOULDER, LEFT_HIP = 7, 11, 23

CREATE = """CREATE TABLE IF NOT EXISTS posture_log (
    id SERIAL PRIMARY KEY, pi_id TEXT, filename TEXT, received_time TIMESTAMP, analyzed_time TIMESTAMP,
    neck_angle INTEGER, body_angle INTEGER, posture_status TEXT, landmarks_detected BOOLEAN, processed_by TEXT)"""
INSERT = """INSERT INTO posture_log (pi_id, filename, received_time, analyzed_time, neck_angle, body_angle,
    posture_status, landmarks_detected, processed_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"""


def lean(lower, upper):
    """Whole degrees between the vertical and the line from lower to upper, truncated."""
    length = math.dist(lower, upper)
    return int(math.degrees(math.acos((lower[1] - upper[1]) / length))) if length else 0


def judge(landmarks, width, height):
    """Returns neck, torso, status."""
    if sum(mark.visibility >= 0.9 for mark in landmarks) < 20:
        return None, None, "Insufficient_Landmarks"

    def at(index):
        return landmarks[index].x * width, landmarks[index].y * height

    neck, torso = lean(at(LEFT_SHOULDER), at(LEFT_EAR)), lean(at(LEFT_HIP), at(LEFT_SHOULDER))
    return neck, torso, "Good" if 10 < neck < 50 and torso < 20 else "Bad"


class Analyser:
    def __init__(self, options):
        self.options = options
        self.pose = solution.Pose(static_image_mode=True, model_complexity=1)
        self.database = psycopg2.connect(options.dsn)
        self.cursor = self.database.cursor()
        # Two processes that create the table at once would collide.
        self.cursor.execute("SELECT pg_advisory_xact_lock(1)")
        self.cursor.execute(CREATE)
        self.database.commit()
        self.parts, self.part = (int(n) for n in options.share.split(":"))
        self.seen = 0

    def receive(self, _client, _userdata, message):
        self.seen += 1
        if self.seen % self.parts == self.part:
            self.analyse(message.topic.split("/", 1)[1], message.payload)

    def analyse(self, device, payload):
        received = datetime.datetime.now()
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(payload), np.uint8), cv2.IMREAD_COLOR)
        found = self.pose.process(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).pose_landmarks
        neck, torso, status = None, None, "No_Landmarks"
        if found:
            height, width = picture.shape[:2]
            neck, torso, status = judge(found.landmark, width, height)
            mp.solutions.drawing_utils.draw_landmarks(picture, found, solution.POSE_CONNECTIONS)
            text = f"neck {neck} torso {torso} {status}"
            cv2.putText(picture, text, (10, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 255, 0), 2)
        name = self.keep(device, received, picture)
        self.cursor.execute(INSERT, (device, name, received, datetime.datetime.now(), neck, torso, status,
                                     neck is not None, socket.gethostname()))
        self.database.commit()

    def keep(self, device, received, picture):
        folder = os.path.join(self.options.pictures, f"analyzed_images_from_{device}")
        os.makedirs(folder, exist_ok=True)
        name = f"{received:%Y%m%d_%H%M%S_%f}.jpg"
        cv2.imwrite(os.path.join(folder, name), picture)
        return name


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", required=True)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--share", default="1:0")
    options = parser.parse_args()
    analyser = Analyser(options)
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe("images/#", qos=1)
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.on_message = analyser.receive
    host, port = options.broker.split(":")
    client.connect(host, int(port))
    client.loop_forever()


if __name__ == "__main__":
    main()
