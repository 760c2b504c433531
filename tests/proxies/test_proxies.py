"""What clients of a server behind a real proxy get: limits by their own address, sockets, and kept connections."""

import asyncio
import collections
import unittest

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from fleet import DEADLINE_SECS, Server, expect, sync
from proxies import Caddy, Haproxy, Nginx
from wire import Broken, Connection, post_once

LOGIN = "/api/v1/auth/login"
DRIVER = 123
# Addresses of this machine's own, as the proxy sees its clients.
ONE, OTHER, VICTIM = "127.0.0.2", "127.0.0.3", "127.0.0.4"
ORDER = {
    "restaurant_name": "Burger King", "pickup_address": "Koramangala 5th Block, Bangalore",
    "delivery_address": "Indiranagar 100ft Road, Bangalore", "earnings": 45.5, "distance_km": 3.2,
}
# Longer than the 5 s after which connections were ended before that was a setting.
IDLE_SECS = 6
CONNECTIONS = 200
# Five a minute are allowed.
ATTEMPTS_MAX = 40


def spoofed(address):
    """Every header in which somebody might look for an address, as a client would forge them."""
    return [
        ("Forwarded", f"for={address}"), ("X-Forwarded-For", address), ("X-Real-IP", address),
        ("CF-Connecting-IP", address), ("True-Client-IP", address), ("X-Client-IP", address),
    ]


class Scenario(unittest.IsolatedAsyncioTestCase):
    SETTINGS = {}

    async def asyncSetUp(self):
        # It reports each step that takes 0.1 s, which on a busy machine is many.
        asyncio.get_running_loop().set_debug(False)
        self.server = Server(
            TRUSTED_PROXIES="127.0.0.1", LOGINS_PER_MINUTE_PER_ACCOUNT="1000000", DECISION_DURABILITY="normal",
            **self.SETTINGS)
        self.addCleanup(self.close, self.server)
        await self.server.start()

    def close(self, what):
        result = self._outcome.result
        what.close(any(test is self for test, _ in result.failures + result.errors))

    async def http_connections(self):
        """Connections that the server holds without a socket on them; it counts once a second."""
        connection = await Connection.open(self.server.address)
        _, text = await connection.ask("GET", "/metrics")
        connection.close()
        lines = [line for line in text.splitlines() if line.startswith("fleetwire_http_connections ")]
        return sum(int(float(line.split(" ")[1])) for line in lines)

    async def post_in_rounds(self, address, connections, rounds):
        """One order on each of the connections at once, round after round, with a long wait after the first; what came of
        them all."""
        token = (await self.server.operator()).token
        kept = [await Connection.open(address) for _ in range(connections)]
        headers = [("Authorization", f"Bearer {token}")]
        outcomes = collections.Counter()

        async def post(connection):
            try:
                outcomes[(await connection.ask("POST", "/api/v1/admin/orders", ORDER, headers))[0]] += 1
            except Broken:
                outcomes["no answer"] += 1

        for number in range(rounds):
            await asyncio.gather(*map(post, kept))
            if number == 0:
                await asyncio.sleep(IDLE_SECS)
                self.waiting = await self.http_connections()
        for connection in kept:
            connection.close()
        return outcomes


class WithoutAProxy(Scenario):
    async def test_a_pool_uses_connections_that_waited_longer_than_five_seconds(self):
        outcomes = await self.post_in_rounds(self.server.address, CONNECTIONS, rounds=2)
        self.assertEqual(outcomes, {201: 2 * CONNECTIONS})
        self.assertGreaterEqual(self.waiting, CONNECTIONS)


class Behind:
    """The same for each proxy."""

    PROXY = None
    # Where it can't be installed, the others show the same.
    IS_REQUIRED = False
    POSTS = 2_000
    SETTINGS = {"LOGINS_PER_MINUTE_PER_ADDRESS": "5", "HANDSHAKES_PER_MINUTE_PER_ADDRESS": "5"}

    async def asyncSetUp(self):
        if self.PROXY.found() is None:
            self.assertFalse(self.IS_REQUIRED, f"{self.PROXY.PROGRAM} is not installed")
            self.skipTest(f"{self.PROXY.PROGRAM} is not installed")
        await super().asyncSetUp()
        self.proxy = self.PROXY(self.server.address)
        self.addCleanup(self.close, self.proxy)
        await self.proxy.start()

    async def log_in(self, client, headers=()):
        """The status of a wrong one."""
        body = {"username": "nobody", "password": "wrong"}
        return await post_once(self.proxy.address, LOGIN, body, client, headers)

    def socket(self, path, client="127.0.0.1", headers=()):
        return connect(
            f"ws://{self.proxy.address}{path}", local_addr=(client, 0), additional_headers=list(headers),
            open_timeout=DEADLINE_SECS)

    async def test_log_ins_are_limited_by_the_address_that_the_proxy_saw(self):
        # A slow machine earns an attempt or two meanwhile.
        for number in range(ATTEMPTS_MAX):
            named = VICTIM if number % 2 else f"203.0.113.{number}"
            if (status := await self.log_in(ONE, spoofed(named))) != 401:
                break
        self.assertEqual(status, 429, "whatever addresses it names, it is the same client")
        self.assertEqual(await self.log_in(VICTIM), 401, "nobody is locked out in their name")
        self.assertEqual(await self.log_in(OTHER), 401)
        self.assertIn(f"address={ONE}", self.server.log())
        self.assertNotIn("203.0.113.", self.server.log())

    async def test_handshakes_are_limited_by_the_address_that_the_proxy_saw(self):
        token = await self.server.driver_token(DRIVER)
        path = f"/api/v1/ws/driver/{DRIVER}?token={token}"
        with self.assertRaises(InvalidStatus) as refused:
            for number in range(ATTEMPTS_MAX):
                async with self.socket(path, ONE, spoofed(f"203.0.113.{number}")) as app:
                    await expect(app, "connected")
        self.assertEqual(refused.exception.response.status_code, 429)
        async with self.socket(path, OTHER) as app:
            await expect(app, "connected")

    async def test_an_anonymous_ride_is_not_given_to_who_names_its_owners_address(self):
        async with self.socket("/ws/ride/ride-77/", ONE) as owner:
            await expect(owner, "connection_established")
        async with self.socket("/ws/ride/ride-77/", OTHER, spoofed(ONE)) as thief:
            with self.assertRaises(ConnectionClosed) as refused:
                await asyncio.wait_for(thief.recv(), DEADLINE_SECS)
        self.assertEqual(refused.exception.rcvd.code, 4001)
        async with self.socket("/ws/ride/ride-77/", ONE) as owner:
            await expect(owner, "connection_established")

    async def test_an_app_behind_it_hears_events_and_is_answered(self):
        token = await self.server.driver_token(DRIVER)
        operator = await self.server.operator()
        async with self.socket(f"/api/v1/ws/driver/{DRIVER}?token={token}") as app:
            await expect(app, "connected")
            order_id = await operator.assign_new(DRIVER)
            self.assertEqual((await expect(app, "order_assigned"))["data"]["order_id"], order_id)
            await sync(app)
            await asyncio.wait_for(await app.ping(), DEADLINE_SECS)
        self.assertNotIn(token, self.proxy.log(), "the token is in the proxy's log")
        self.assertIn(f"/api/v1/ws/driver/{DRIVER}", self.proxy.log(), "there is a log at all")

    async def test_posts_over_connections_that_are_kept(self):
        outcomes = await self.post_in_rounds(self.proxy.address, CONNECTIONS, self.POSTS // CONNECTIONS)
        self.assertEqual(outcomes, {201: self.POSTS})
        # Kept towards the server as well, or nothing was shown. haproxy gets along with fewer than it has clients.
        self.assertGreaterEqual(self.waiting, CONNECTIONS // 10)


class BehindNginx(Behind, Scenario):
    PROXY = Nginx
    IS_REQUIRED = True
    POSTS = 10_000


class BehindHaproxy(Behind, Scenario):
    PROXY = Haproxy


class BehindCaddy(Behind, Scenario):
    PROXY = Caddy
