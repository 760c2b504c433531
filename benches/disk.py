#!/usr/bin/env python3
"""The disk that an order and a position take in SQLite: rows as the server writes them, put into a file with the
product's migrations, and the file's growth for each. Needs Python alone, and a minute."""

import datetime
import json
import pathlib
import random
import sqlite3
import tempfile
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[1]
DRIVERS, CUSTOMERS = 200, 1000
ORDERS, POSITIONS = 50_000, 200_000
BEGIN = datetime.datetime(2026, 12, 1)
PLACES = {"restaurant_name": "Burger King", "pickup_address": "Koramangala 5th Block, Bangalore"}
GOAL = "Indiranagar 100ft Road, Bangalore"


def time(step):
    return (BEGIN + datetime.timedelta(milliseconds=37 * step)).isoformat(" ", "milliseconds")


def insert(conn, table, **row):
    names = ", ".join(row)
    conn.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


def database(file):
    conn = sqlite3.connect(file)
    for migration in sorted((ROOT / "migrations/sqlite").glob("*/up.sql")):
        conn.executescript(migration.read_text())
    for number in range(1, DRIVERS + CUSTOMERS + 1):
        role = "driver" if number <= DRIVERS else "customer"
        insert(conn, "accounts", id=number, public_id=str(uuid.uuid4()), username=f"user{number}", name=f"User {number}",
               role=role, created_at=time(0))
        if role == "driver":
            insert(conn, "drivers", id=number, account_id=number, vehicle_type="moto", wants="online", status="available")
        else:
            insert(conn, "customers", id=number, account_id=number)
    conn.commit()
    return conn


def orders(conn, have_customers):
    newest = {}

    def event(account, job, name, **body):
        newest[account] = newest.get(account, 0) + 1
        text = json.dumps({"event": name, "order_id": job, **body}, separators=(",", ":"))
        insert(conn, "events", account_id=account, event_id=newest[account], job_id=job, name=name, body=text,
               created_at=time(job), sent_at=time(job), confirmed_at=time(job + 1), confirmed_over="driver_app")

    for job in range(1, ORDERS + 1):
        driver = random.randint(1, DRIVERS)
        customer = random.randint(DRIVERS + 1, DRIVERS + CUSTOMERS) if have_customers else None
        insert(conn, "jobs", public_id=str(uuid.uuid4()), kind="delivery", status="completed", customer_id=customer,
               driver_id=driver, dropoff_address=GOAL, pickup_latitude=12.9352, pickup_longitude=77.6245,
               earnings_minor=4550, distance_km=3.2, currency="USD", payment_method="cash", amount_minor=6200,
               requested_at=time(job), assigned_at=time(job), set_out_at=time(job), started_at=time(job),
               completed_at=time(job), **PLACES)
        told = {**PLACES, "delivery_address": GOAL, "earnings": 45.5, "currency": "USD", "distance_km": 3.2}
        event(driver, job, "order_assigned", **told)
        if have_customers:
            event(customer, job, "order_assigned", **told)
            event(customer, job, "order_picked_up")
            event(customer, job, "order_delivered")
    return ORDERS


def positions(conn):
    for number in range(1, POSITIONS + 1):
        insert(conn, "driver_locations", driver_id=random.randint(1, DRIVERS), latitude=12.9 + random.random() / 10,
               longitude=77.6 + random.random() / 10, accuracy=8.5, heading=181.0, speed=25.5, battery_level=75.0,
               created_at=time(number))
    return POSITIONS


def report(what, fill):
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "disk.db"
        conn = database(file)
        before = file.stat().st_size
        count = fill(conn)
        conn.commit()
        grown = (file.stat().st_size - before) / count
        conn.execute("VACUUM")
        compact = (file.stat().st_size - before) / count
        conn.close()
    print(f"{what}: {grown:.0f} bytes, after VACUUM {compact:.0f}")


random.seed(1)
report("an order and its driver's event", lambda conn: orders(conn, False))
report("an order of a customer, with three events of theirs", lambda conn: orders(conn, True))
report("a position", positions)
