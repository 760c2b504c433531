"""A peer for measuring, not a product: the part of the driver app's contract that the load tool uses, on FastAPI and
uvicorn (uvloop, httptools) with sqlite3 on a thread of its own, on a database that `fleetwire migrate` and
`fleetwire seed` have made.

Written as one would for speed: one process (the sockets of a fleet are in its memory), pydantic's compiled JSON
reading, positions in transactions of 250 rows each 250 ms with decisions between them, and the same durability as
Fleetwire's default (the disk has an order before it is answered, positions follow).

Left out, and therefore free of charge here: replay and resume, confirmation by the device, idempotency keys, limits of
any kind (rates, sizes, queues, slow readers, orders of a driver), the driver's status and newest position in the
driver's row, suspension and revoked tokens, expiry while connected, metrics, logs, an orderly stop.
"""

import asyncio
import json
import logging
import os
import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import jwt
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, WebSocket
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

FLUSH_SECS = 0.25
BATCH_ROWS = 250
HEARTBEAT_SECS = 30.0
AHEAD_MAX = timedelta(seconds=60)
AGE_MAX = timedelta(hours=24)

SECRET = os.environ["JWT_SECRET"].encode()
DATABASE = os.environ["DATABASE_URL"].removeprefix("sqlite://")
HOST, PORT = os.environ["BIND"].split(":")

Number = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class Position(Strict):
    latitude: Annotated[Number, Field(ge=-90, le=90)]
    longitude: Annotated[Number, Field(ge=-180, le=180)]
    accuracy: Number | None = None
    heading: Number | None = None
    speed: Number | None = None
    battery_level: Number | None = None
    timestamp: AwareDatetime | None = None


class LocationUpdate(Strict):
    type: Literal["location_update"]
    data: Position


class Ping(Strict):
    type: Literal["ping"]


INBOUND = TypeAdapter(Annotated[LocationUpdate | Ping, Field(discriminator="type")])


class NewOrder(Strict):
    restaurant_name: Text
    pickup_address: Text
    delivery_address: Text
    earnings: Annotated[Number, Field(ge=0)]
    distance_km: Annotated[Number, Field(ge=0)]


class Assignment(Strict):
    driver_id: int


class Database:
    """One connection on one thread: SQLite has one writer whatever one does."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, "database", initializer=self.open)

    def open(self) -> None:
        self.connection = sqlite3.connect(DATABASE, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA foreign_keys = ON")
        self.connection.execute("PRAGMA cache_size = -16000")

    async def read(self, query, *parameters):
        def run():
            return query(self.connection, *parameters)

        return await asyncio.get_running_loop().run_in_executor(self.thread, run)

    async def write(self, synchronous, body, *parameters):
        """In a transaction that commits with the given `synchronous`: FULL waits for the disk, NORMAL does not."""

        def run():
            self.connection.execute(f"PRAGMA synchronous = {synchronous}")
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                value = body(self.connection, *parameters)
                self.connection.execute("COMMIT")
                return value
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise

        return await asyncio.get_running_loop().run_in_executor(self.thread, run)


def column_time(time: datetime) -> str:
    """UTC as the tables have it: `2026-11-20 08:24:00`, with the fraction where there is any."""
    return time.replace(tzinfo=None).isoformat(" ")


def wire_time(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def newest_event_id(connection, driver_id):
    return connection.execute(
        "SELECT last_event_id FROM accounts JOIN drivers ON account_id = accounts.id WHERE drivers.id = ?", (driver_id,)
    ).fetchone()


def store_positions(connection, rows):
    connection.executemany(
        "INSERT INTO driver_locations"
        " (driver_id, latitude, longitude, accuracy, heading, speed, battery_level, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


def create_order(connection, order: NewOrder):
    inserted = connection.execute(
        "INSERT INTO jobs (public_id, kind, status, restaurant_name, pickup_address, dropoff_address, earnings_minor,"
        " distance_km, requested_at) VALUES (?, 'delivery', 'requested', ?, ?, ?, ?, ?, ?)",
        (
            str(uuid.uuid4()),
            order.restaurant_name,
            order.pickup_address,
            order.delivery_address,
            round(order.earnings * 100),
            order.distance_km,
            column_time(datetime.now(UTC)),
        ),
    )
    return {"order_id": inserted.lastrowid, "status": "pending"}


def assign_order(connection, order_id: int, driver_id: int):
    now = datetime.now(UTC)
    driver = connection.execute("SELECT account_id FROM drivers WHERE id = ?", (driver_id,)).fetchone()
    if driver is None:
        raise HTTPException(404, "there is no such driver")
    row = connection.execute(
        "UPDATE jobs SET status = 'assigned', driver_id = ?, assigned_at = ?"
        " WHERE id = ? AND kind = 'delivery' AND status = 'requested'"
        " RETURNING restaurant_name, pickup_address, dropoff_address, earnings_minor, distance_km",
        (driver_id, column_time(now), order_id),
    ).fetchone()
    if row is None:
        found = connection.execute(
            "SELECT status FROM jobs WHERE id = ? AND kind = 'delivery'", (order_id,)
        ).fetchone()
        if found is None:
            raise HTTPException(404, "there is no such order")
        raise HTTPException(409, f"the order is {found[0]}")
    data = {
        "order_id": order_id,
        "restaurant_name": row[0],
        "pickup_address": row[1],
        "delivery_address": row[2],
        "earnings": row[3] / 100,
        "distance_km": row[4],
    }
    (event_id,) = connection.execute(
        "UPDATE accounts SET last_event_id = last_event_id + 1 WHERE id = ? RETURNING last_event_id", driver
    ).fetchone()
    connection.execute(
        "INSERT INTO events (account_id, event_id, job_id, name, body, created_at)"
        " VALUES (?, ?, ?, 'order_assigned', ?, ?)",
        (driver[0], event_id, order_id, json.dumps(data), column_time(now)),
    )
    return {"type": "order_assigned", "id": event_id, "data": data, "timestamp": wire_time(now)}


database = Database()
sessions: dict[int, WebSocket] = {}
waiting: list[tuple] = []


async def record():
    """Writes what waits, a batch at a time. What fails stays for the next time."""
    while True:
        await asyncio.sleep(FLUSH_SECS)
        while batch := waiting[:BATCH_ROWS]:
            try:
                await database.write("NORMAL", store_positions, batch)
            except sqlite3.Error:
                logging.exception("positions were not written, trying again")
                break
            del waiting[: len(batch)]


@asynccontextmanager
async def lifespan(_app: FastAPI):
    recorder = asyncio.create_task(record())
    yield
    recorder.cancel()


app = FastAPI(lifespan=lifespan, openapi_url=None)


def verified(token: str) -> dict:
    """The claims of an access token; none where it is not good."""
    try:
        claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"require": ["exp"]})
    except jwt.InvalidTokenError:
        return {}
    return claims if claims.get("typ") == "access" else {}


async def operator(authorization: Annotated[str, Header()] = ""):
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or verified(token).get("role") != "admin":
        raise HTTPException(401, "an operator's token is needed")


@app.post("/api/v1/admin/orders", status_code=201, dependencies=[Depends(operator)])
async def create(order: NewOrder):
    return await database.write("FULL", create_order, order)


@app.post("/api/v1/admin/orders/{order_id}/assign", dependencies=[Depends(operator)])
async def assign(order_id: int, assignment: Assignment):
    event = await database.write("FULL", assign_order, order_id, assignment.driver_id)
    if (socket := sessions.get(assignment.driver_id)) is not None:
        try:
            await socket.send_text(json.dumps(event))
        except RuntimeError:
            # It was closed meanwhile.
            pass
    return {**event["data"], "status": "assigned", "driver_id": assignment.driver_id}


def position_row(driver_id: int, position: Position) -> tuple:
    now = datetime.now(UTC)
    time = now if position.timestamp is None else position.timestamp.astimezone(UTC)
    is_sane = time - now <= AHEAD_MAX and now - time <= AGE_MAX
    return (
        driver_id,
        position.latitude,
        position.longitude,
        known(position.accuracy),
        known(position.heading),
        known(position.speed),
        known(position.battery_level),
        column_time(time if is_sane else now),
    )


def known(value: float | None) -> float | None:
    """Phones say "unknown" with a negative number."""
    return None if value is None or value < 0 else value


async def tell(socket: WebSocket, kind: str, data: dict):
    await socket.send_text(json.dumps({"type": kind, "data": data, "timestamp": wire_time(datetime.now(UTC))}))


@app.websocket("/api/v1/ws/driver/{driver_id}")
async def driver(socket: WebSocket, driver_id: int, token: str = ""):
    await socket.accept()
    claims = verified(token)
    newest = await database.read(newest_event_id, driver_id)
    if claims.get("role") != "driver" or claims.get("driver_id") != driver_id or newest is None:
        await socket.close(4001, "authentication failed")
        return
    older = sessions.get(driver_id)
    sessions[driver_id] = socket
    if older is not None:
        await older.close(4003, "connected elsewhere")
    try:
        session = {"driver_id": driver_id, "session_id": str(uuid.uuid4()), "last_event_id": newest[0]}
        await tell(socket, "connected", session)
        async for text in socket.iter_text():
            await hear(socket, driver_id, text)
    finally:
        if sessions.get(driver_id) is socket:
            del sessions[driver_id]


async def hear(socket: WebSocket, driver_id: int, text: str):
    try:
        message = INBOUND.validate_json(text)
    except ValidationError as error:
        code = "invalid_position" if "location_update" in text else "invalid_message"
        await tell(socket, "error", {"code": code, "message": error.errors()[0]["msg"]})
        return
    if isinstance(message, LocationUpdate):
        waiting.append(position_row(driver_id, message.data))
    else:
        await socket.send_text('{"type":"pong"}')


if __name__ == "__main__":
    uvicorn.run(
        app,
        host=HOST,
        port=int(PORT),
        loop="uvloop",
        http="httptools",
        ws_ping_interval=HEARTBEAT_SECS,
        ws_ping_timeout=HEARTBEAT_SECS,
        access_log=False,
        log_level="warning",
    )
