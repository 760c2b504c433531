"""The whole of each contract by apps that write their numbers, times and texts in the ways of four languages."""

import asyncio
import datetime
import json
import unittest
import urllib.error
import urllib.request

from fleet import DEADLINE_SECS, Server, expect, until
from ride_apps import HailingApp, MatchingPassenger
from styles import At, Dart, Gson, Id, JavaScript, Python, Whole

PASSWORD = "password123"
DRIVER, CUSTOMER = 123, 123
# The centre of Johannesburg, where the demo data has driver 1; nobody else is within 10 km.
LATITUDE, LONGITUDE = -26.2041, 28.0473


class Api:
    """REST with one account's token, written in the style of one language."""

    def __init__(self, address, style):
        self.address, self.style, self.token = address, style, None

    async def log_in(self, username):
        session = await self.call("POST", "/api/v1/auth/login", {"username": username, "password": PASSWORD})
        self.token = session["access_token"]
        return session["user"]

    async def call(self, method, path, body=None):
        return await asyncio.to_thread(self._call, method, path, body)

    def _call(self, method, path, body):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else self.style.encode(body).encode()
        request = urllib.request.Request(f"http://{self.address}{path}", method=method, headers=headers, data=data)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_SECS) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as refusal:
            raise AssertionError(f"{method} {path} {data}: {refusal.code} {refusal.read()}") from None


class Contracts:
    """What an app of any of the languages does; `STYLE` says how it writes."""

    STYLE = None
    # An app's own way of saying how long and how far a ride is, what a passenger's number is, and what it costs.
    ESTIMATES = {}
    FARE = None

    async def asyncSetUp(self):
        self.server = Server(MATCH_MODE="auto")
        # A clean-up, not a tear-down, so that a set-up that fails half-way leaves no process behind.
        self.addCleanup(self.close_server)
        await self.server.start()
        self.operator = await self.api("admin")

    def close_server(self):
        result = self._outcome.result
        failed = any(test is self for test, _ in result.failures + result.errors)
        self.server.close(failed)

    async def api(self, username):
        api = Api(self.server.address, self.STYLE)
        api.user = await api.log_in(username)
        return api

    async def say(self, socket, **message):
        connection = getattr(socket, "connection", socket)
        await connection.send(self.STYLE.encode(message))

    async def order(self):
        order = await self.operator.call("POST", "/api/v1/admin/orders", {
            "restaurant_name": "Café & Söhne = 🍕", "pickup_address": "Koramangala 5th Block, Bangalore",
            "delivery_address": "Indiranagar 100ft Road, Bangalore", "earnings": 33.333333333333336, "distance_km": 3.0})
        return order["order_id"]

    async def assign(self, order_id):
        body = {"driver_id": Id(DRIVER)}
        await self.operator.call("POST", f"/api/v1/admin/orders/{order_id}/assign", body)

    async def test_the_driver_app(self):
        driver = await self.api("driver123")
        measured = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=3)
        async with self.server.app(DRIVER, driver.token) as socket:
            await expect(socket, "connected")
            await self.say(socket, type="location_update", data={
                "latitude": 28.0, "longitude": 77.1025, "accuracy": 10.0, "heading": 180.0, "speed": 25.5,
                "battery_level": Whole(75), "timestamp": At(measured)})
            first, second = await self.order(), await self.order()
            await self.assign(first)
            assigned = await expect(socket, "order_assigned")
            self.assertEqual(assigned["data"]["restaurant_name"], "Café & Söhne = 🍕")
            self.assertEqual(assigned["data"]["earnings"], 33.33)
            await self.assign(second)
            event = Id((await expect(socket, "order_assigned"))["id"])
            await self.say(socket, type="ack", event_id=event)
            await self.say(socket, type="resume", last_event_id=Id(event - 1))
            self.assertEqual((await expect(socket, "order_assigned"))["id"], event)
            for status in ("picked_up", "delivered"):
                await driver.call("PUT", f"/api/v1/orders/{first}/status", {"status": status})

        path = f"/api/v1/admin/drivers/{DRIVER}/locations"

        async def is_stored():
            return (await self.operator.call("GET", path))["items"]
        await until("the position is stored", is_stored)
        stored, = await is_stored()
        self.assertEqual((stored["latitude"], stored["longitude"], stored["battery_level"]), (28.0, 77.1025, 75))
        at = datetime.datetime.fromisoformat(stored["created_at"])
        self.assertLess(abs(at - measured), datetime.timedelta(milliseconds=2))

    async def test_the_hailing_apps(self):
        driver = await self.hailing("driver1")
        await self.say(driver, type="driver_online")
        now = datetime.datetime.now(datetime.UTC)
        await driver.api.call("PUT", "/api/v1/driver/location", [
            {"latitude": LATITUDE + 0.0001 * ahead, "longitude": LONGITUDE, "heading": 90.0, "speed": 30.0,
             "battery_level": Whole(80), "timestamp": At(now - datetime.timedelta(seconds=10 - 5 * ahead))}
            for ahead in range(3)])
        passenger = await self.hailing("passenger1")
        ride_id = (await passenger.api.call("POST", "/api/v1/rides", {
            "ride_type": "Sedan", "pickup_latitude": LATITUDE, "pickup_longitude": LONGITUDE,
            "dropoff_latitude": -26.0, "dropoff_longitude": 28.0, "estimated_fare": self.FARE,
            "distance_km": 12.0}))["ride_id"]
        await driver.hear("ride_requested")
        await driver.hear("ride_accepted")
        await passenger.hear("ride_accepted")
        await self.say(passenger, type="join_ride", ride_id=ride_id)
        joined = (await passenger.hear("ride_joined"))["data"]["ride"]
        self.assertEqual((joined["estimated_fare"], joined["distance_km"]), (153.47, 12))
        await self.say(passenger, type="chat_message", ride_id=ride_id, text="I am at the gate 🚪")
        self.assertEqual((await driver.hear("chat_message"))["data"]["text"], "I am at the gate 🚪")
        for action in ("arrive", "start", "complete"):
            await driver.api.call("POST", f"/api/v1/rides/{ride_id}/{action}", {})
        completed = await self.until_heard(passenger, "ride_completed")
        self.assertEqual(completed["data"]["final_fare"], 153.47)
        rated = await passenger.api.call("POST", f"/api/v1/rides/{ride_id}/rate", {"rating": Whole(4)})
        self.assertEqual(rated["status"], "completed")
        await self.say(passenger, type="resume", last_event_id=Id(completed["id"] - 1))
        self.assertEqual((await self.until_heard(passenger, "ride_completed"))["id"], completed["id"])
        await passenger.close()
        await driver.close()

    async def test_the_matching_app(self):
        driver = await self.hailing("driver1")
        await self.say(driver, type="driver_online")
        await driver.api.call("PUT", "/api/v1/driver/location", {"latitude": LATITUDE, "longitude": LONGITUDE})
        passenger = MatchingPassenger(self.server.address)
        await passenger.open()
        await self.say(
            passenger, type="find_driver", pickup_latitude=LATITUDE, pickup_longitude=LONGITUDE, dropoff_latitude=-26.0,
            dropoff_longitude=28.0, pickup_address="é" * 201, dropoff_address="456 Oak St", fare_amount=self.FARE,
            **self.ESTIMATES)
        await passenger.hear("searching")
        self.assertEqual((await passenger.hear("driver_assigned"))["driver"]["id"], 1)
        ride = await driver.api.call("GET", f"/api/v1/rides/{passenger.ride_id}")
        self.assertEqual((ride["estimated_fare"], ride["distance_km"]), (153.47, 12.5))
        self.assertEqual(ride["estimated_duration_minutes"], 25)
        await self.say(passenger, type="chat_message", text="At the gate")
        self.assertEqual((await self.until_heard(driver, "chat_message"))["data"]["text"], "At the gate")
        for action, event in [("arrive", "driver_arrived"), ("start", "ride_started"), ("complete", "ride_completed")]:
            await driver.api.call("POST", f"/api/v1/rides/{passenger.ride_id}/{action}", {})
            await passenger.hear(event)
        await self.say(passenger, type="rate_ride", rating=Whole(5))
        await self.say(passenger, type="ping")
        await passenger.hear("pong")
        await passenger.close()
        await driver.close()

    async def test_push_and_bookings(self):
        customer, technician = await self.api("customer123"), await self.api("driver123")
        registered = await customer.call("POST", "/api/Push/register", {
            "userType": "Customer", "id": Id(CUSTOMER), "fcmToken": "fcm_token_here", "expoPushToken": "", "platform": "Android"})
        self.assertEqual(registered["success"], True)
        sent = await self.operator.call("POST", "/api/Push/sendToCustomer", {
            "id": Id(CUSTOMER), "title": "Technician Assigned! 🚗", "body": "John comes to you & your car.",
            "data": {"type": "technician_assigned", "bookingId": "456", "priority": "high"}})
        self.assertEqual((sent["success"], sent["fcmResult"]), (True, "not_sent"))
        booking = await self.operator.call("POST", "/api/v1/bookings", {
            "customer_id": Id(CUSTOMER), "service": "Oil & filter", "latitude": LATITUDE, "longitude": LONGITUDE,
            "scheduled_at": At(datetime.datetime(2035, 1, 1, 8, 30, tzinfo=datetime.UTC))})
        self.assertEqual(booking["scheduled_at"], "2035-01-01T08:30:00.000Z")
        path = f"/api/v1/bookings/{booking['booking_id']}"
        await self.operator.call("PUT", f"{path}/technician", {"driver_id": Id(DRIVER)})
        for status in ("StartJourney", "Reached", "StartService", "Completed"):
            answer = await technician.call("PUT", f"{path}/status", {"status": status})
            self.assertEqual(answer["status"], status)
        history = await customer.call("GET", "/api/Push/history")
        self.assertIn("Technician Assigned! 🚗", [item["title"] for item in history["items"]])
        opened = await customer.call("POST", "/api/Push/opened", {"notificationId": history["items"][-1]["id"]})
        self.assertEqual(opened["success"], True)

    async def hailing(self, username):
        """The hailing app of an account, whose requests are written in the style, too."""
        app = await HailingApp.log_in(self.server.address, username, PASSWORD)
        app.api = Api(self.server.address, self.STYLE)
        app.api.token = app.rest.token
        return app

    async def until_heard(self, app, kind):
        """The next message of this type; the ones before it are passed over, save an error."""
        while True:
            async with asyncio.timeout(DEADLINE_SECS):
                message = await app.heard.get()
            self.assertNotEqual(message["type"], "error", message)
            if message["type"] == kind:
                return message


class AsJavaScript(Contracts, unittest.IsolatedAsyncioTestCase):
    STYLE = JavaScript()
    ESTIMATES = {"distance_km": 12.5, "estimated_duration_minutes": 25.0, "passenger_phone": Id(27123456789)}
    FARE = 153.4725


class AsPython(Contracts, unittest.IsolatedAsyncioTestCase):
    STYLE = Python()
    ESTIMATES = {"distance_km": "12.5", "estimated_duration_minutes": "25", "passenger_phone": ""}
    FARE = 153.46666666666667


class AsDart(Contracts, unittest.IsolatedAsyncioTestCase):
    STYLE = Dart()
    ESTIMATES = {"distance_km": "12.5 km", "estimated_duration_minutes": "25 mins", "passenger_phone": None}
    FARE = 153.47000000000003


class AsGson(Contracts, unittest.IsolatedAsyncioTestCase):
    STYLE = Gson()
    ESTIMATES = {"distance_km": 12.5, "estimated_duration_minutes": Whole(25), "passenger_phone": Whole(27123456789)}
    FARE = 153.465


if __name__ == "__main__":
    unittest.main(verbosity=2)
