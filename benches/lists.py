#!/usr/bin/env python3
"""How long each list takes, of how many rows. By hand, against a database that this makes and fills itself.

    benches/lists.py --rows 100000 sqlite:///tmp/lists.db
    benches/lists.py --rows 100000 postgres://postgres@127.0.0.1:5432/lists     (an empty database; wants psql)

FLEETWIRE_BINARY is the program, target/release/fleetwire where it is not set. What it makes stays there: remove it afterwards. Of the jobs six in
ten are orders, three are rides and one is a booking; nine in ten are completed. One in fifty is the demo passenger's and the
demo driver's: accounts with a long history. Only the standard library is used.
"""

import argparse
import json
import os
import pathlib
import signal
import sqlite3
import statistics
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = os.environ.get("FLEETWIRE_BINARY", str(ROOT / "target/release/fleetwire"))
LISTENING = "Fleetwire is listening on http://"
PASSWORD = "password123"
PEOPLE = 2000
ASKED = 15
START_SECS_MAX = 120

ADMIN = ["admin/orders", "admin/orders?status=pending", "admin/orders?status=cancelled", "admin/orders?cursor={middle}",
         "admin/rides", "admin/rides?status=accepted", "admin/rides?status=completed", "admin/rides?status=no_drivers",
         "admin/bookings", "admin/bookings?status=Pending", "admin/drivers", "admin/customers", "admin/orders?external_id=x5"]
PASSENGER = ["orders/mine", "orders/mine?status=pending", "rides", "rides?status=no_drivers", "bookings", "bookings?status=Pending"]
DRIVER = ["orders/assigned", "rides", "rides?status=no_drivers", "bookings", "earnings/today", "earnings/history?limit=100"]


def people(first):
    """Accounts, drivers and customers besides the demo ones, from `first` on."""
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {PEOPLE})"
    at = "'2026-01-01 00:00:00'"
    for role in ("driver", "customer"):
        yield (f"INSERT INTO accounts (id, public_id, username, name, role, created_at) {numbers} "
               f"SELECT {first} + i, '{role}-' || i, 'many-{role}-' || i, 'Name ' || i, '{role}', {at} FROM n")
        table, more, values = ((
            "drivers", "vehicle_type, wants, status", "'moto', 'offline', 'offline'") if role == "driver" else ("customers", "", ""))
        comma = ", " if more else ""
        yield (f"INSERT INTO {table} (id, account_id{comma}{more}) {numbers} "
               f"SELECT {first} + i, {first} + i{comma}{values} FROM n")
        first += PEOPLE


def fill(execute, is_postgres, rows, ids):
    passenger, driver, first = ids["passenger"], ids["driver"], ids["first"]
    for statement in people(first):
        execute(statement)
    step = 250_000
    for begin in range(1, rows + 1, step):
        last = min(rows, begin + step - 1)
        numbers = (f"SELECT i FROM generate_series({begin}, {last}) AS i" if is_postgres else
                   f"WITH RECURSIVE n(i) AS (SELECT {begin} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) SELECT i FROM n")
        # The newest job is of this moment, the oldest of two years ago.
        age = f"({rows} - i) * {2 * 365 * 86400.0 / rows}"
        at = (f"(now() AT TIME ZONE 'UTC' - make_interval(secs => {age}))" if is_postgres else
              f"strftime('%Y-%m-%d %H:%M:%S', 'now', '-' || CAST({age} AS INTEGER) || ' seconds')")
        kind = "CASE WHEN i % 10 < 6 THEN 'delivery' WHEN i % 10 < 9 THEN 'ride' ELSE 'service' END"
        # Numbers that have nothing to do with those that the kind follows from.
        status = ("CASE WHEN i / 10 % 100 < 90 THEN 'completed' WHEN i / 10 % 100 < 98 THEN 'cancelled' "
                  "WHEN i / 10 % 1000 < 999 THEN 'unmatched' ELSE 'requested' END")
        is_open = "i / 10 % 1000 = 999"
        customer = f"CASE WHEN i % 47 = 0 THEN {passenger} ELSE {first + PEOPLE} + 1 + i / 3 % {PEOPLE} END"
        by = f"CASE WHEN {is_open} THEN NULL WHEN i % 53 = 0 THEN {driver} ELSE {first} + 1 + i / 13 % {PEOPLE} END"
        execute(
            "INSERT INTO jobs (id, public_id, kind, status, customer_id, driver_id, restaurant_name, pickup_address, dropoff_address, "
            "pickup_latitude, pickup_longitude, earnings_minor, distance_km, requested_at, completed_at, currency, external_id, "
            f"ride_type, estimated_fare_minor) SELECT {ids['job']} + i, 'job-' || i, {kind}, {status}, {customer}, {by}, 'Burger King', "
            f"'Koramangala 5th Block', 'Indiranagar 100ft Road', 12.9, 77.6, 4500, 3.2, {at}, "
            f"CASE WHEN i / 10 % 100 < 90 THEN {at} END, 'USD', CASE WHEN i % 100 = 5 THEN 'x' || i END, 'moto', 4500 FROM ({numbers}) AS numbered")
        execute(f"INSERT INTO bookings (job_id, service) SELECT id, 'Brakes' FROM jobs WHERE kind = 'service' "
                f"AND id BETWEEN {ids['job'] + begin} AND {ids['job'] + last}")
    if is_postgres:
        execute("SELECT setval(pg_get_serial_sequence('jobs', 'id'), (SELECT MAX(id) FROM jobs))")
        execute("VACUUM ANALYZE")


class Filled:
    """A database that has been made and filled, and is gone again."""

    def __init__(self, url, rows):
        self.url, self.rows = url, rows
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="fleetwire-lists-"))
        self.is_postgres = url.startswith("postgres")
        self.settings = {"PATH": os.environ["PATH"], "DATABASE_URL": url, "BIND": "127.0.0.1:0", "RUST_LOG": "warn",
                         "JWT_SECRET": "a secret that only the measurement knows, and long enough"}
        self.run("migrate")
        self.run("seed")

    def run(self, *arguments):
        subprocess.run([BINARY, *arguments], cwd=self.directory, env=self.settings, check=True, stdout=subprocess.DEVNULL)

    def fill(self):
        if self.is_postgres:
            def execute(sql):
                subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", self.url, "-c", sql], check=True, stdout=subprocess.DEVNULL)

            def number(sql):
                out = subprocess.run(["psql", "-qtAX", self.url, "-c", sql], check=True, capture_output=True, text=True).stdout
                return int(out.strip())
            fill(execute, True, self.rows, self.ids(number))
            return
        connection = sqlite3.connect(self.url.removeprefix("sqlite://"))
        connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; PRAGMA wal_autocheckpoint = 20000")

        def execute(sql):
            connection.execute(sql)
            connection.commit()
        fill(execute, False, self.rows, self.ids(lambda sql: connection.execute(sql).fetchone()[0]))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    def ids(self, number):
        of = "SELECT t.id FROM {} AS t JOIN accounts AS a ON a.id = t.account_id WHERE a.username = '{}'"
        return {"passenger": number(of.format("customers", "passenger1")), "driver": number(of.format("drivers", "driver1")),
                "first": 100_000, "job": number("SELECT COALESCE(MAX(id), 0) FROM jobs")}

    def serve(self):
        out = self.directory / "stdout"
        with open(out, "w") as stdout, open(self.directory / "log", "w") as log:
            process = subprocess.Popen([BINARY, "serve"], cwd=self.directory, env=self.settings, stdin=subprocess.DEVNULL,
                                       stdout=stdout, stderr=log)
        end = time.monotonic() + START_SECS_MAX
        while time.monotonic() < end and process.poll() is None:
            for line in out.read_text().splitlines():
                if line.startswith(LISTENING):
                    return process, line.removeprefix(LISTENING).split()[0].rstrip(",/")
            time.sleep(0.1)
        process.kill()
        raise SystemExit(f"the server did not start; see {self.directory}/log")


def ask(address, path, token=None, body=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(f"http://{address}/api/v1/{path}", data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def measure(address, rows):
    print(f"| list | median ms | longest ms | of {ASKED} asked, {rows} jobs |\n| --- | --- | --- | --- |")
    for username, paths in (("admin", ADMIN), ("passenger1", PASSENGER), ("driver1", DRIVER)):
        token = ask(address, "auth/login", body={"username": username, "password": PASSWORD})["access_token"]
        for path in paths:
            path = path.format(middle=rows // 2)
            took = []
            for _ in range(ASKED):
                begun = time.perf_counter()
                answer = ask(address, path, token)
                took.append((time.perf_counter() - begun) * 1000)
                if took[0] > 3000:
                    break
            items = next((len(value) for value in answer.values() if isinstance(value, list)), 1)
            print(f"| `{path}` of {username} | {statistics.median(took):.1f} | {max(took):.1f} | {items} items |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--rows", type=int, default=1000)
    options = parser.parse_args()
    filled = Filled(options.url, options.rows)
    begun = time.monotonic()
    filled.fill()
    print(f"filled in {time.monotonic() - begun:.0f} s\n")
    process, address = filled.serve()
    try:
        measure(address, options.rows)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


if __name__ == "__main__":
    main()
