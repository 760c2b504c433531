"""Bad moments of a large fleet, by hand: `tests/long/run restart|readers|handshakes|fairness`. docs/TESTING.md says how to run
each and for how long. Each prints its figures, then what does not hold, and fails with 1 where something does not.
"""

import argparse
import asyncio
import collections
import os
import pathlib
import statistics
import sys
import time
from urllib.request import urlopen

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "python"), str(HERE.parent / "proxies")]

from crowd import ask_now_and_then, run_crowd  # noqa: E402
from fleet import Server  # noqa: E402
from operators import Operators, run_dispatch, run_events  # noqa: E402
from phones import allow_files, ask_all, launch  # noqa: E402

MIB = 1024
SETTLE_SECS = 3


class Findings:
    """What was measured, and what of it is not as it should be."""

    def __init__(self):
        self.wrong = []
        self.closing = []

    def close(self):
        """Ends what was started, the last first."""
        for thing in reversed(self.closing):
            thing.close(*[bool(self.wrong)] * isinstance(thing, Server))

    def say(self, what, value):
        print(f"{what:<56} {value}", flush=True)

    def want(self, holds, what):
        if not holds:
            self.wrong.append(what)
            print(f"NOT: {what}", flush=True)


def ms(secs):
    return f"{secs * 1000:.1f} ms"


def spread(values):
    """The median, the 99th percentile and the longest."""
    if not values:
        return 0.0, 0.0, 0.0
    ordered = sorted(values)
    return statistics.median(ordered), ordered[int(0.99 * (len(ordered) - 1))], ordered[-1]


def said(values):
    return " / ".join(ms(value) for value in spread(values)) + f"  (p50 / p99 / max of {len(values)})"


def memory_mib(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) // MIB


async def metric(server, name):
    """The sum over its labels."""
    text = await asyncio.to_thread(lambda: urlopen(f"http://{server.address}/metrics", timeout=20).read().decode())
    lines = [line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def warnings(server):
    return sum(" WARN " in line or " ERROR " in line for line in server.log().splitlines())


def endings(server):
    """How many sockets have ended in which way."""
    found = collections.Counter()
    for line in server.log().splitlines():
        if " ended=" in line:
            fields = dict(field.split("=", 1) for field in line.split(" ") if "=" in field)
            found[" ".join(filter(None, (fields["ended"], fields.get("code"))))] += 1
    return dict(found) or "none"


async def serving(options, findings, drivers, **settings):
    """A server with so many drivers, and each one's token."""
    if options.database_url:
        settings["DATABASE_URL"] = options.database_url
    server = Server(MAX_CONNECTIONS="20000", **settings)
    # As a server is by itself: how it lets its fleet go is part of what is measured.
    server.settings.pop("DRAIN_SECS")
    findings.closing.append(server)
    await server.start()
    await server.command("seed", "--drivers", str(drivers))
    driver_ids = (await all_drivers(server))[:drivers]
    first = min(driver_ids)
    tokens = await server.driver_tokens(first, max(driver_ids))
    return server, [(driver_id, tokens[driver_id - first]) for driver_id in driver_ids]


async def all_drivers(server):
    """The seeded drivers' ids, without the demo's own."""
    token, cursor, found = (await server.operator()).token, None, []
    while True:
        path = "admin/drivers?limit=200" + (f"&cursor={cursor}" if cursor else "")
        _, page = await server.rest("GET", path, token)
        found += [driver["driver_id"] for driver in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return [driver_id for driver_id in found if driver_id not in (1, 2, 3, 123)]


async def launched(findings, server, tokens, processes):
    fleets = await launch(server, tokens, processes)
    findings.closing += fleets
    return fleets


def merged(reports, key):
    return [entry for report in reports for entry in report[key]]


def counted(reports):
    total = {}
    for report in reports:
        for what, count in report["refusals"].items():
            total[what] = total.get(what, 0) + count
    return total or "none"


async def restart(options, findings):
    """SIGTERM to a server with its fleet connected and orders under way; it is started again at once."""
    server, tokens = await serving(options, findings, options.phones)
    fleets = await launched(findings, server, tokens, options.processes)
    await ask_all(fleets, "connect", 32)
    findings.say("memory with all connected", f"{memory_mib(server)} MiB")
    operator = (await server.operator()).token
    operators = Operators(run_dispatch, server.address, operator, [driver for driver, _ in tokens], options.per_sec)
    findings.closing.append(operators)
    await asyncio.sleep(options.secs)
    asked = time.monotonic()
    code = await asyncio.to_thread(server.terminate)
    stopped = time.monotonic()
    await server.start()
    listening = time.monotonic()
    await all_back(fleets, options)
    back = time.monotonic()
    await asyncio.sleep(options.secs)
    done, refused = await operators.ended()
    await asyncio.sleep(SETTLE_SECS)
    reports = await ask_all(fleets, "report")
    came = [at for at, _ in merged(reports, "came") if at > asked]
    last = max(came, default=back)
    findings.say("exit after SIGTERM", f"{code}, in {ms(stopped - asked)}")
    findings.say("listening again after", ms(listening - asked))
    findings.say("all are back: after SIGTERM", ms(last - asked))
    findings.say("all are back: after it listens", ms(last - listening))
    findings.say("each phone's way back, from SIGTERM", said([at - asked for at in came]))
    findings.say("what phones were refused with", counted(reports))
    findings.say("what operators were refused with", refused)
    before = [made - begun for begun, made, *_ in done if made < asked]
    meanwhile = [made - begun for begun, made, *_ in done if begun > listening and begun < last]
    findings.say("a new order before", said(before))
    findings.say("a new order asked while they come back", said(meanwhile))
    findings.say("lines of WARN and ERROR", warnings(server))
    check_books(done, reports, findings)
    findings.want(code == 0, "it ends with 0")
    findings.want(sum(report["connected"] for report in reports) == len(tokens), "every phone is connected again")
    findings.want(warnings(server) < 100, "no flood of warnings")


async def all_back(fleets, options):
    give_up = time.monotonic() + options.patience
    while time.monotonic() < give_up:
        if sum(await ask_all(fleets, "connected_now")) == options.phones:
            return
        await asyncio.sleep(0.1)


def check_books(done, reports, findings):
    """Each order that was assigned reached its driver, once, and each phone's events came in their order."""
    expected = {(order_id, driver_id) for *_, order_id, driver_id in done}
    heard = [(order_id, driver_id) for _, kind, order_id, driver_id, _ in merged(reports, "events")
             if kind == "order_assigned"]
    wrong = merged(reports, "wrong")
    findings.say("orders assigned, heard, lost, twice, out of order",
                 (len(expected), len(heard), len(expected - set(heard)), len(heard) - len(set(heard)), len(wrong)))
    findings.want(expected <= set(heard), "every order reached its phone")
    findings.want(len(heard) == len(set(heard)), "none came twice")
    findings.want(not wrong, f"no gap: {wrong[:3]}")


async def readers(options, findings):
    """Some phones stop reading while a lot of events are made; the others must not feel it."""
    stopped, healthy = options.stopped, options.phones
    server, tokens = await serving(options, findings, stopped + healthy)
    fleets = [(await launched(findings, server, share, 1))[0] for share in (tokens[:stopped], tokens[stopped:])]
    await ask_all(fleets, "connect", 32)
    await asyncio.sleep(SETTLE_SECS)
    before = memory_mib(server)
    findings.say("memory before", f"{before} MiB")
    operator = (await server.operator()).token
    drivers = [driver for driver, _ in tokens]

    async def make(count):
        await ask_all(fleets, "forget")
        operators = Operators(run_events, server.address, operator, drivers, options.per_sec, count)
        findings.closing.append(operators)
        highest = before
        ended = asyncio.create_task(operators.ended())
        while not ended.done():
            highest = max(highest, memory_mib(server))
            await asyncio.wait([ended], timeout=0.2)
        await asyncio.sleep(SETTLE_SECS)
        report = await fleets[1].ask("report")
        late = [at - float(reason.split(" ")[0]) for at, kind, *_, reason in report["events"]
                if kind == "order_cancelled"]
        findings.say(f"{count} events, a second", f"{count / ended.result():.0f}")
        findings.say("from the operator's request to a healthy phone", said(late))
        findings.want(not report["wrong"], f"no gap: {report['wrong'][:3]}")
        return spread(late)[1], highest

    usual, _ = await make(max(options.events // 10, 200))
    await fleets[0].ask("stop_reading", stopped)
    findings.say("phones that read no more", stopped)
    meanwhile, highest = await make(options.events)
    findings.say("memory at most", f"{highest} MiB")
    findings.say("sockets that are open", int(await metric(server, "fleetwire_sessions")))
    findings.say("how the others ended", endings(server))
    await asyncio.sleep(10)
    after = memory_mib(server)
    findings.say("memory after", f"{after} MiB")
    findings.say("lines of WARN and ERROR", warnings(server))
    findings.want(meanwhile <= 2 * usual, f"p99 {ms(meanwhile)} is within twice {ms(usual)}")
    findings.want(after - before <= 100, "memory is back within 100 MiB")


async def handshakes(options, findings):
    """All phones open their sockets within one second."""
    server, tokens = await serving(options, findings, options.phones)
    fleets = await launched(findings, server, tokens, options.processes)
    await asyncio.sleep(SETTLE_SECS)
    times = await ask_all(fleets, "connect_within", options.within)
    begun = min(first for first, _ in times)
    give_up = begun + options.patience
    while time.monotonic() < give_up and sum(await ask_all(fleets, "connected_now")) < options.phones:
        await asyncio.sleep(0.05)
    reports = await ask_all(fleets, "report")
    came = [at - begun for at, _ in merged(reports, "came")]
    findings.say("all were begun within", ms(max(last for _, last in times) - begun))
    findings.say("in, since the first was begun", said(came))
    findings.say("refused", counted(reports))
    findings.say("memory with all connected", f"{memory_mib(server)} MiB")
    findings.say("lines of WARN and ERROR", warnings(server))
    findings.want(len(came) == options.phones, "all are in, each at the first try")
    findings.want(max(came, default=0) <= 5, "all are in within 5 s")
    findings.want(warnings(server) < 20, "no flood of warnings")


async def fairness(options, findings):
    """One account's many connections ask for a list without end; another's asks now and then must not feel it."""
    without_limit = {"REQUESTS_PER_MINUTE_PER_ACCOUNT": "1000000"}
    server, tokens = await serving(options, findings, 2, **without_limit)
    (_, greedy), (_, modest) = tokens
    path = "orders/assigned"
    alone = await ask_now_and_then(server.address, modest, path, options.secs)
    crowd = Operators(run_crowd, server.address, greedy, path, options.connections)
    findings.closing.append(crowd)
    await asyncio.sleep(SETTLE_SECS)
    beside = await ask_now_and_then(server.address, modest, path, options.secs)
    answers = await crowd.ended()
    findings.say("a read alone", said(alone))
    findings.say("a read beside the crowd", said(beside))
    findings.say("the crowd's answers by status", answers)
    findings.want(set(answers) == {200}, "the crowd is answered, too")
    findings.want(spread(beside)[0] < 0.03, "a read beside the crowd takes less than 30 ms, mostly")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=["restart", "readers", "handshakes", "fairness"])
    parser.add_argument("--phones", type=int, help="those that read; 5000, of readers 100")
    parser.add_argument("--per-sec", type=float, help="new orders a second, 50; of readers events, 1000")
    parser.add_argument("--secs", type=float, default=5, help="of load before SIGTERM, and after the return")
    parser.add_argument("--stopped", type=int, default=100, help="phones that stop reading")
    parser.add_argument("--events", type=int, default=200_000, help="events that are made meanwhile")
    parser.add_argument("--within", type=float, default=1, help="seconds in which the handshakes begin")
    parser.add_argument("--connections", type=int, default=100, help="of the account that asks without end")
    parser.add_argument("--patience", type=float, default=120, help="seconds until phones are called lost")
    parser.add_argument("--processes", type=int, default=2, help="that share the phones")
    parser.add_argument("--database-url", help="an empty PostgreSQL; a fresh SQLite file without it")
    options = parser.parse_args()
    is_readers = options.scenario == "readers"
    options.phones = options.phones or (100 if is_readers else 5000)
    options.per_sec = options.per_sec or (1000 if is_readers else 50)
    findings = Findings()
    findings.say("open files allowed", allow_files())
    findings.say("server", os.environ.get("FLEETWIRE_BINARY", "target/debug/fleetwire"))
    scenarios = {"restart": restart, "readers": readers, "handshakes": handshakes, "fairness": fairness}
    scenario = scenarios[options.scenario]
    try:
        asyncio.run(scenario(options, findings))
    except BaseException:
        findings.wrong.append("it broke off")
        raise
    finally:
        findings.close()
    print("all as it should be" if not findings.wrong else "NOT as it should be: " + "; ".join(findings.wrong))
    return 1 if findings.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
