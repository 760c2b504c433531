"""The ride apps as their authors write them from the contracts' pages alone: they know an address, a user name and a
password, and ignore what they have no meaning for."""

import asyncio
import json
import urllib.error
import urllib.request
import uuid

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

PATIENCE_SECS = 20
BACK_OFF_SECS = 0.05


class Refused(Exception):
    def __init__(self, status, problem):
        super().__init__(f"{status} {problem}")
        self.status = status
        self.code = (problem or {}).get("code")


class Rest:
    """The API with one account's token."""

    def __init__(self, address):
        self.base = f"http://{address}/api/v1"
        self.token = None

    async def log_in(self, username, password):
        session = await self.call("POST", "auth/login", {"username": username, "password": password})
        self.token = session["access_token"]
        return session["user"]

    async def call(self, method, path, body=None):
        return await asyncio.to_thread(self._call, method, path, body)

    def _call(self, method, path, body):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base}/{path}", method=method, headers=headers, data=data)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECS) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as refusal:
            raise Refused(refusal.code, json.loads(refusal.read() or b"null")) from None


class Socket:
    """A connection that is read all the time. What an app has no meaning for is passed over; positions are kept apart,
    since they come between everything else."""

    KNOWN = frozenset()
    POSITION = None

    def __init__(self, url):
        self.url = url
        self.heard = asyncio.Queue()
        self.positions = asyncio.Queue()
        self.last_event_id = None
        self.connection = None
        self.reader = None

    async def open(self):
        url = self.url
        if self.last_event_id is not None:
            url += f"{'&' if '?' in url else '?'}last_event_id={self.last_event_id}"
        self.connection = await connect(url, open_timeout=PATIENCE_SECS)
        self.reader = asyncio.create_task(self._read(self.connection))

    async def _read(self, connection):
        try:
            async for text in connection:
                self._take(json.loads(text))
        except ConnectionClosed:
            pass

    def _take(self, message):
        if "id" in message:
            self.last_event_id = message["id"]
        if message["type"] == self.POSITION:
            self.positions.put_nowait(message)
        elif message["type"] in self.KNOWN:
            self.heard.put_nowait(message)

    async def send(self, **message):
        await self.connection.send(json.dumps(message))

    async def hear(self, kind):
        """The next message, which must be of this type."""
        message = await asyncio.wait_for(self.heard.get(), PATIENCE_SECS)
        assert message["type"] == kind, f"{message} instead of {kind}"
        return message

    async def see(self, latitude):
        """The position that says that the driver is at this latitude."""
        async with asyncio.timeout(PATIENCE_SECS):
            while True:
                message = await self.positions.get()
                position = message.get("data", message)
                if position["latitude"] == latitude:
                    return position

    async def drop(self):
        """The network is gone, without a goodbye."""
        self.connection.transport.abort()
        await asyncio.wait([self.reader])

    async def close(self):
        await self.connection.close()
        await asyncio.wait([self.reader])


class MatchingPassenger(Socket):
    """The Flutter app: a socket for each ride, on an id of its own, and no token."""

    KNOWN = frozenset({"connection_established", "pong", "searching", "driver_assigned", "no_drivers", "error",
                       "ride_cancelled", "driver_arrived", "ride_started", "ride_completed"})
    POSITION = "driver_location"

    def __init__(self, address, ride_id=None):
        self.ride_id = ride_id or str(uuid.uuid4())
        super().__init__(f"ws://{address}/ws/ride/{self.ride_id}/")

    async def open(self):
        """Tries until it is let in: after a loss of the network the server may still see the old connection."""
        async with asyncio.timeout(PATIENCE_SECS):
            while True:
                await super().open()
                established = asyncio.create_task(self.hear("connection_established"))
                await asyncio.wait([established, self.reader], return_when=asyncio.FIRST_COMPLETED)
                if established.done():
                    assert established.result()["ride_id"] == self.ride_id
                    return
                established.cancel()
                await asyncio.sleep(BACK_OFF_SECS)

    async def find_driver(self, latitude, longitude):
        await self.send(
            type="find_driver", pickup_latitude=latitude, pickup_longitude=longitude,
            dropoff_latitude=latitude + 0.1, dropoff_longitude=longitude + 0.1,
            pickup_address="123 Main St, Johannesburg", dropoff_address="456 Oak St, Johannesburg",
            distance_km=12.5, estimated_duration_minutes=25, fare_amount=150.0, passenger_phone="+27123456789")
        await self.hear("searching")


class HailingApp(Socket):
    """What the passenger's and the driver's app have in common."""

    KNOWN = frozenset({"connected", "pong", "ride_joined", "ride_left", "ride_requested", "ride_accepted",
                       "driver_arrived", "ride_started", "ride_completed", "ride_cancelled", "ride_unavailable",
                       "driver_cancelled", "chat_message", "error"})
    POSITION = "driver_location_update"

    @classmethod
    async def log_in(cls, address, username, password):
        rest = Rest(address)
        user = await rest.log_in(username, password)
        app = cls(f"ws://{address}/api/v1/ws/connect?token={rest.token}")
        app.rest, app.user = rest, user
        await app.open()
        return app

    async def open(self):
        await super().open()
        connected = await self.hear("connected")
        assert connected["data"]["user_id"] == self.user["user_id"], connected
        if self.last_event_id is None:
            self.last_event_id = connected["data"].get("last_event_id")

    async def join(self, ride_id):
        await self.send(type="join_ride", ride_id=ride_id)
        return (await self.hear("ride_joined"))["data"]

    async def ping(self):
        await self.send(type="ping", timestamp="2025-12-19T03:00:00Z")
        pong = await self.hear("pong")
        assert pong["data"]["timestamp"] == "2025-12-19T03:00:00Z", pong

    async def move(self, ride_id, action, **body):
        return await self.rest.call("POST", f"rides/{ride_id}/{action}", body)


class HailingPassenger(HailingApp):
    async def request(self, latitude, longitude):
        ride = await self.rest.call("POST", "rides", {
            "ride_type": "sedan", "pickup_latitude": latitude, "pickup_longitude": longitude,
            "dropoff_latitude": latitude + 0.01, "dropoff_longitude": longitude + 0.01, "estimated_fare": 1500})
        return ride["ride_id"]


class HailingDriver(HailingApp):
    async def go_online(self):
        await self.send(type="driver_online")

    async def locate(self, latitude, longitude):
        await self.rest.call("PUT", "driver/location", {"latitude": latitude, "longitude": longitude, "heading": 90,
                                                        "speed": 30})
