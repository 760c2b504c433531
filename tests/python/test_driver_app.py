"""The driver app's scenarios with an independent client: what one library gets right twice would prove nothing."""

import asyncio
import json
import sqlite3
import unittest

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from fleet import DEADLINE_SECS, Server, expect, send, sync, until

DRIVER = 123


class DriverApp(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.server = Server()
        # A clean-up, not a tear-down, so that a set-up that fails half-way leaves no process behind.
        self.addCleanup(self.close_server)
        await self.server.start()
        self.token = await self.server.driver_token(DRIVER)
        self.operator = await self.server.operator()

    def close_server(self):
        result = self._outcome.result
        failed = any(test is self for test, _ in result.failures + result.errors)
        self.server.close(failed)

    def rows(self, sql):
        # Closed by hand: as a context manager, a connection only ends its transaction.
        connection = sqlite3.connect(self.server.directory / "fleetwire.db", timeout=10)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    async def events_confirmed(self):
        return self.rows("SELECT COUNT(*) FROM events WHERE confirmed_at IS NULL") == [(0,)]

    async def closed_with(self, socket):
        async with asyncio.timeout(DEADLINE_SECS):
            try:
                while True:
                    await socket.recv()
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else None

    async def test_a_drivers_day(self):
        async with self.server.app(DRIVER, self.token) as socket:
            connected = await expect(socket, "connected")
            self.assertEqual(connected["data"]["driver_id"], DRIVER)
            await send(socket, type="location_update",
                       data={"latitude": 28.7041, "longitude": 77.1025, "battery_level": 75})
            await sync(socket)

            kept = await self.operator.assign_new(DRIVER)
            self.assertEqual((await expect(socket, "order_assigned"))["data"]["order_id"], kept)
            lost = await self.operator.assign_new(DRIVER)
            await expect(socket, "order_assigned")
            await self.operator.cancel(lost, "Customer cancelled")
            cancelled = await expect(socket, "order_cancelled")
            self.assertEqual(cancelled["data"], {"order_id": lost, "reason": "Customer cancelled"})

            for status in ("accepted", "picked_up", "delivered"):
                answer = await self.server.rest("PUT", f"orders/{kept}/status", self.token, {"status": status})
                self.assertEqual((answer[0], answer[1]["status"]), (200, status))

        async def stored():
            return self.rows("SELECT driver_id, latitude, longitude, battery_level FROM driver_locations") == [
                (DRIVER, 28.7041, 77.1025, 75)]
        await until("the position is stored", stored)

    async def test_a_bad_token_is_seen_as_a_close_code(self):
        for token in ("", "not.a.token", self.token + "x", await self.server.driver_token(1)):
            async with self.server.app(DRIVER, token) as socket:
                self.assertEqual(await self.closed_with(socket), 4001, token)

    async def test_the_token_may_travel_in_a_header_or_in_the_subprotocol(self):
        url = self.server.url(DRIVER)
        async with connect(url, additional_headers={"Authorization": f"Bearer {self.token}"}) as socket:
            await expect(socket, "connected")
        async with connect(url, subprotocols=["bearer", self.token]) as socket:
            self.assertEqual(socket.subprotocol, "bearer")
            await expect(socket, "connected")

    async def test_logging_in_elsewhere_closes_the_older_connection_with_4003(self):
        async with self.server.app(DRIVER, self.token) as older, self.server.app(DRIVER, self.token) as newer:
            self.assertEqual(await self.closed_with(older), 4003)
            await expect(newer, "connected")
            await sync(newer)

    async def test_what_came_while_the_network_was_gone_comes_after_it_and_only_once(self):
        async with self.server.app(DRIVER, self.token) as socket:
            await expect(socket, "connected")
            socket.transport.abort()
        missed = [await self.operator.assign_new(DRIVER) for _ in range(3)]
        async with self.server.app(DRIVER, self.token) as socket:
            await expect(socket, "connected")
            for order_id in missed:
                self.assertEqual((await expect(socket, "order_assigned"))["data"]["order_id"], order_id)
            await until("the library's own pongs confirm", self.events_confirmed)
        async with self.server.app(DRIVER, self.token) as socket:
            await expect(socket, "connected")
            await sync(socket)

    async def test_a_library_that_reconnects_by_itself_misses_nothing_over_a_kill(self):
        seen = []

        async def app():
            async for socket in self.server.app(DRIVER, self.token):
                try:
                    while True:
                        message = await expect_any(socket)
                        if message["type"] == "order_assigned":
                            seen.append(message)
                except ConnectionClosed:
                    continue

        running = asyncio.create_task(app())
        try:
            assigned = [await self.operator.assign_new(DRIVER) for _ in range(5)]
            self.server.kill()
            await self.server.start()
            assigned += [await self.operator.assign_new(DRIVER) for _ in range(5)]

            async def all_arrived():
                return {message["data"]["order_id"] for message in seen} == set(assigned)
            await until("every order arrives", all_arrived)
        finally:
            running.cancel()
        # A kill may leave no time to note an answer; what comes again comes under its own number.
        by_id = {message["id"]: message["data"]["order_id"] for message in seen}
        newest = max(by_id)
        self.assertEqual([by_id[number] for number in range(newest - 9, newest + 1)], assigned)

    async def test_each_of_many_drivers_hears_only_of_its_own_orders(self):
        drivers = 50
        await self.server.command("seed", "--drivers", str(drivers))
        tokens = await self.server.driver_tokens(1, drivers)
        expected = {driver_id: [] for driver_id in range(1, drivers + 1)}
        heard = {driver_id: [] for driver_id in expected}
        everybody_is_in = asyncio.Barrier(drivers + 1)

        async def app(driver_id, token):
            async with self.server.app(driver_id, token) as socket:
                await expect(socket, "connected")
                await everybody_is_in.wait()
                while True:
                    message = await expect_any(socket)
                    heard[driver_id].append(message["data"]["order_id"])

        running = [asyncio.create_task(app(*pair)) for pair in zip(expected, tokens)]
        try:
            async with asyncio.timeout(DEADLINE_SECS):
                await everybody_is_in.wait()
            for number in range(3 * drivers):
                driver_id = 1 + number * 7 % drivers
                expected[driver_id].append(await self.operator.assign_new(driver_id))

            async def all_arrived():
                return sum(map(len, heard.values())) >= 3 * drivers
            await until("every order arrives", all_arrived)
        finally:
            for task in running:
                task.cancel()
        self.assertEqual(heard, expected)

    async def test_a_stop_is_seen_as_1001(self):
        async with self.server.app(DRIVER, self.token) as socket:
            await expect(socket, "connected")
            code, status = await asyncio.gather(
                self.closed_with(socket), asyncio.to_thread(self.server.terminate))
            self.assertEqual((code, status), (1001, 0))


async def expect_any(socket):
    return json.loads(await socket.recv())


if __name__ == "__main__":
    unittest.main(verbosity=2)
