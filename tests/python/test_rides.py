"""Whole rides of both ride contracts, by apps that an independent library connects."""

import unittest

from fleet import Server
from ride_apps import HailingDriver, HailingPassenger, MatchingPassenger, Refused

PASSWORD = "password123"
# The centre of Johannesburg, where the demo data has driver 1; nobody else is within 10 km.
LATITUDE, LONGITUDE = -26.2041, 28.0473


class Rides(unittest.IsolatedAsyncioTestCase):
    SETTINGS = {}

    async def asyncSetUp(self):
        self.server = Server(**self.SETTINGS)
        # A clean-up, not a tear-down, so that a set-up that fails half-way leaves no process behind.
        self.addCleanup(self.close_server)
        await self.server.start()

    def close_server(self):
        result = self._outcome.result
        failed = any(test is self for test, _ in result.failures + result.errors)
        self.server.close(failed)

    async def driver(self, username="driver1"):
        driver = await HailingDriver.log_in(self.server.address, username, PASSWORD)
        await driver.go_online()
        await driver.locate(LATITUDE, LONGITUDE)
        return driver

    async def drive(self, driver, ride_id, passenger):
        """From the acceptance to the goal; the passenger's app hears of it in the words of its own contract."""
        joined = await driver.join(ride_id)
        self.assertEqual(joined["ride"]["status"], "accepted")
        await driver.locate(LATITUDE + 0.001, LONGITUDE)
        seen = await passenger.see(LATITUDE + 0.001)
        self.assertEqual((seen["longitude"], seen["heading"], seen["speed"]), (LONGITUDE, 90, 30))
        for action, event in [("arrive", "driver_arrived"), ("start", "ride_started")]:
            await driver.move(ride_id, action)
            await passenger.hear(event)
            await driver.hear(event)
        ride = await driver.move(ride_id, "complete")
        completed = await passenger.hear("ride_completed")
        await driver.hear("ride_completed")
        fare = completed.get("data", completed)["final_fare"]
        self.assertEqual((ride["status"], ride["final_fare"]), ("completed", fare))
        return fare


class WithAuto(Rides):
    """The development profile: the nearest driver is assigned at once."""

    async def test_a_ride_of_the_matching_app(self):
        driver = await self.driver()
        passenger = MatchingPassenger(self.server.address, "12345")
        await passenger.open()
        await passenger.send(type="ping")
        await passenger.hear("pong")
        await passenger.find_driver(LATITUDE, LONGITUDE)
        assigned = await passenger.hear("driver_assigned")
        self.assertEqual((assigned["driver"]["id"], assigned["driver"]["name"]), (1, "John Doe"))
        await driver.hear("ride_requested")
        await driver.hear("ride_accepted")
        self.assertEqual(await self.drive(driver, "12345", passenger), 150.0)
        await passenger.close()
        await driver.close()

    async def test_the_flow_of_the_matching_contracts_page(self):
        first, second = MatchingPassenger(self.server.address), MatchingPassenger(self.server.address)
        await first.open()
        await first.find_driver(LATITUDE, LONGITUDE)
        self.assertEqual((await first.hear("driver_assigned"))["driver"]["id"], 1)
        await second.open()
        await second.find_driver(LATITUDE, LONGITUDE)
        await second.hear("no_drivers")
        await first.send(type="cancel_ride")
        self.assertEqual((await first.hear("ride_cancelled"))["ride_id"], first.ride_id)
        await second.find_driver(LATITUDE, LONGITUDE)
        self.assertEqual((await second.hear("driver_assigned"))["driver"]["id"], 1)
        await first.close()
        await second.close()

    async def test_a_ride_of_the_hailing_apps_is_accepted_although_it_was_assigned(self):
        driver = await self.driver()
        passenger = await HailingPassenger.log_in(self.server.address, "passenger1", PASSWORD)
        ride_id = await passenger.request(LATITUDE, LONGITUDE)
        requested = await driver.hear("ride_requested")
        self.assertEqual(requested["metadata"]["ride_id"], ride_id)
        await driver.hear("ride_accepted")
        self.assertEqual((await driver.move(ride_id, "accept"))["status"], "accepted")
        await passenger.hear("ride_accepted")
        await passenger.join(ride_id)
        self.assertEqual(await self.drive(driver, ride_id, passenger), 1500)
        await passenger.close()
        await driver.close()


class WithOffers(Rides):
    """As in production: a driver accepts."""

    SETTINGS = {"MATCH_MODE": "offer"}

    async def test_a_ride_of_the_hailing_apps(self):
        driver = await self.driver()
        passenger = await HailingPassenger.log_in(self.server.address, "passenger1", PASSWORD)
        await passenger.ping()
        ride_id = await passenger.request(LATITUDE, LONGITUDE)
        joined = await passenger.join(ride_id)
        self.assertEqual((joined["ride"]["status"], joined["ride"]["driver"]), ("requested", None))
        requested = (await driver.hear("ride_requested"))["data"]
        self.assertEqual((requested["ride_id"], requested["estimated_fare"]), (ride_id, 1500))
        await driver.move(ride_id, "accept")
        accepted = (await passenger.hear("ride_accepted"))["data"]
        self.assertEqual((accepted["driver_name"], accepted["driver_id"]), ("John Doe", driver.user["user_id"]))
        await driver.hear("ride_accepted")

        await passenger.send(type="chat_message", ride_id=ride_id, text="I am at the gate")
        self.assertEqual((await driver.hear("chat_message"))["data"]["text"], "I am at the gate")
        await self.drive(driver, ride_id, passenger)

        rated = await passenger.move(ride_id, "rate", rating=5, comment="Smooth")
        self.assertEqual(rated["status"], "completed")
        with self.assertRaises(Refused) as again:
            await passenger.move(ride_id, "rate", rating=1)
        self.assertEqual((again.exception.status, again.exception.code), (409, "already_rated"))
        await passenger.close()
        await driver.close()

    async def test_a_ride_of_the_matching_app_is_driven_with_the_hailing_app(self):
        driver = await self.driver()
        passenger = MatchingPassenger(self.server.address)
        await passenger.open()
        await passenger.find_driver(LATITUDE, LONGITUDE)
        requested = await driver.hear("ride_requested")
        self.assertEqual(requested["metadata"]["ride_id"], passenger.ride_id)
        await driver.move(passenger.ride_id, "accept")
        await passenger.hear("driver_assigned")
        await driver.hear("ride_accepted")
        await self.drive(driver, passenger.ride_id, passenger)
        await passenger.close()
        await driver.close()

    async def test_the_matching_app_loses_its_network_and_finds_its_ride_again(self):
        driver = await self.driver()
        passenger = MatchingPassenger(self.server.address)
        await passenger.open()
        await passenger.find_driver(LATITUDE, LONGITUDE)
        await driver.hear("ride_requested")
        await passenger.drop()
        await driver.move(passenger.ride_id, "accept")
        await passenger.open()
        assigned = await passenger.hear("driver_assigned")
        self.assertEqual(assigned["driver"]["name"], "John Doe")
        await driver.move(passenger.ride_id, "arrive")
        await passenger.hear("driver_arrived")
        await passenger.close()
        await driver.close()

    async def test_the_hailing_app_resumes_where_it_left_off(self):
        driver = await self.driver()
        passenger = await HailingPassenger.log_in(self.server.address, "passenger1", PASSWORD)
        ride_id = await passenger.request(LATITUDE, LONGITUDE)
        await driver.hear("ride_requested")
        await passenger.drop()
        for action in ("accept", "arrive", "start"):
            await driver.move(ride_id, action)
        await passenger.open()
        for event in ("ride_accepted", "driver_arrived", "ride_started"):
            await passenger.hear(event)
        await passenger.ping()
        await passenger.close()
        await driver.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
