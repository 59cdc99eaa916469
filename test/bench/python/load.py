"""Publishes pictures as devices would and waits until each has its row: the same client for every system measured.

usage: load.py --broker HOST:PORT --rows DSN|sqlite:FILE --count N [--warm-up N] [--window N] PICTURE...
Pictures go out as base64 at QoS 1, on four devices' topics. At most --window of them are without a row at any time,
so that no queue in between overflows. Prints pictures a second, from the first publish after the warm-up to the last
row. Gives up when no row appears for 30 seconds.
"""
import argparse
import base64
import sqlite3
import time

import paho.mqtt.client as mqtt
import psycopg2

PATIENCE = 30  # seconds without a new row
PAUSE = 0.005  # seconds between two looks at the table
DEVICES = 4


def row_counter(where):
    """Returns a function that counts the rows of posture_log; a table that is not there yet has none."""
    if where.startswith("sqlite:"):
        database = sqlite3.connect(f"file:{where.removeprefix('sqlite:')}?mode=ro", uri=True, isolation_level=None)
        missing = sqlite3.OperationalError
    else:
        database = psycopg2.connect(where)
        database.autocommit = True
        missing = psycopg2.errors.UndefinedTable
    cursor = database.cursor()

    def count():
        try:
            cursor.execute("SELECT count(*) FROM posture_log")
        except missing:
            return 0
        return cursor.fetchone()[0]

    return count


class Load:
    def __init__(self, options):
        self.pictures = [base64.b64encode(open(name, "rb").read()) for name in options.pictures]
        self.count_rows = row_counter(options.rows)
        self.window = options.window
        self.sent = 0
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        host, port = options.broker.split(":")
        self.client.connect(host, int(port))
        self.client.loop_start()

    def publish(self):
        self.client.publish(f"images/pi{self.sent % DEVICES}", self.pictures[self.sent % len(self.pictures)], qos=1)
        self.sent += 1

    def run(self, count):
        """Sends count pictures; returns the seconds until the last of their rows."""
        before, already = self.count_rows(), self.sent
        begin = progress = time.monotonic()
        done = 0
        while done < count:
            while self.sent - already < count and self.sent - already - done < self.window:
                self.publish()
            time.sleep(PAUSE)
            rows = self.count_rows() - before
            if rows > done:
                done, progress = rows, time.monotonic()
            elif time.monotonic() - progress > PATIENCE:
                raise SystemExit(f"no new row for {PATIENCE} s: {done} of {count}")
        return time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", required=True)
    parser.add_argument("--rows", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--warm-up", type=int, default=0)
    parser.add_argument("--window", type=int, default=20)
    parser.add_argument("pictures", nargs="+")
    options = parser.parse_args()
    load = Load(options)
    if options.warm_up:
        load.run(options.warm_up)
    print(options.count / load.run(options.count), flush=True)
    load.client.loop_stop()


if __name__ == "__main__":
    main()
