"""Alerts and dashboard ask for metrics that the server has, by labels that it has; each alert fires at what it is for,
and is spoken of in the documents; and a real Prometheus reads a real server with these files."""

import asyncio
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse
import urllib.request

import yaml

import alerts
from files import DEPLOY, ROOT, Case, settings
from fleet import DEADLINE_SECS, Server, until
from proxies import die_with_the_test, free_port

RULES = DEPLOY / "prometheus/alerts.yml"
CONFIG = DEPLOY / "prometheus/prometheus.yml"
DASHBOARD = DEPLOY / "grafana/fleetwire.json"
METRIC = re.compile(r"\bfleetwire_[a-z_]+")
# What a histogram's series are called.
SERIES = re.compile(r"_(bucket|sum|count)$")
# Of Prometheus itself, and of the black-box exporter.
OTHERS = {"up", "probe_success", "ALERTS"}
LABELS_OF_OTHERS = {"job", "instance", "le", "alertname", "alertstate"}
SERVICE_ACCOUNT = {"FIREBASE_PROJECT_ID": "fleet", "FIREBASE_CLIENT_EMAIL": "fleet@fleet.iam.gserviceaccount.com"}


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def dashboard():
    return json.loads(DASHBOARD.read_text())


def panels():
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def dashboard_queries():
    """As Grafana sends them: its variables have values by then."""
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    queries += [annotation["expr"] for annotation in dashboard()["annotations"]["list"]]
    for name, value in (("$__rate_interval", "1m"), ("$job", "fleetwire"), ("$instance", ".*")):
        queries = [query.replace(name, value) for query in queries]
    return queries


def queries():
    return [rule["expr"] for rule in rules()] + dashboard_queries()


class Files(Case):
    def test_rules_and_scrapes_are_right(self):
        promtool = self.program("promtool")
        self.succeeds(promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES)
        self.succeeds(promtool, "check", "config", "--syntax-only", CONFIG)

    def test_each_alert_fires_at_what_it_is_for_and_at_nothing_else(self):
        self.assertEqual({rule["alert"] for rule in rules()}, set(alerts.FIRES))
        with tempfile.TemporaryDirectory(prefix="fleetwire-alerts-") as directory:
            for step, tests in alerts.tests(RULES).items():
                file = pathlib.Path(directory) / f"{step}.yml"
                file.write_text(json.dumps(tests))
                self.succeeds(self.program("promtool"), "test", "rules", file)

    def test_each_alert_is_spoken_of(self):
        text = (ROOT / "docs/OPERATIONS.md").read_text()
        section = text.split("\n### Alerts\n")[1].split("\n## ")[0]
        named = re.findall(r"^\| `(Fleetwire\w+)` \|", section, re.MULTILINE)
        self.assertEqual(named, [rule["alert"] for rule in rules()])

    def test_each_alert_says_how_urgent_it_is(self):
        for rule in rules():
            self.assertIn(rule["labels"]["severity"], ("page", "ticket"), rule["alert"])
            self.assertTrue(rule["annotations"]["summary"], rule["alert"])

    def test_numbers_of_settings_are_theirs(self):
        exprs = {rule["alert"]: rule["expr"] for rule in rules()}
        for alert, name in (("FleetwireSocketsNearLimit", "MAX_CONNECTIONS"),
                            ("FleetwireConnectionsNearLimit", "MAX_HTTP_CONNECTIONS")):
            self.assertIn(f"> {int(settings()[name]) * 4 // 5}", exprs[alert])

    def test_the_dashboard_is_one(self):
        board = dashboard()
        ids = [panel["id"] for panel in board["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        source = {"type": "prometheus", "uid": "${datasource}"}
        for panel in panels():
            with self.subTest(panel=panel["title"]):
                self.assertEqual(panel["datasource"], source)
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                for target in panel["targets"]:
                    self.assertEqual(target["datasource"], source)
        taken = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells


class Live(Case, unittest.IsolatedAsyncioTestCase):
    """A server that has shown each of its metrics, and a Prometheus that reads it."""

    def setUp(self):
        self.key = self.succeeds(
            self.program("openssl"), "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="fleetwire-prometheus-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.server = Server(
            METRICS_PUBLIC="false", REQUESTS_PER_MINUTE_PER_ACCOUNT="1", FIREBASE_PRIVATE_KEY=self.key, **SERVICE_ACCOUNT)
        self.addCleanup(self.close)
        await self.server.start()
        self.token = (await self.server.command(
            "token", "--service", "prometheus", "--role", "viewer", "--name", "prometheus", "--ttl-secs", "31536000"))
        driver = await self.server.driver_token(123)
        statuses = [(await self.server.rest("GET", "driver/profile", driver))[0] for _ in range(9)]
        self.assertIn(429, statuses, "what is counted by its limit is only there once it was over it")

    def close(self):
        result = self._outcome.result
        self.server.close(any(test is self for test, _ in result.failures + result.errors))

    async def metrics(self):
        """name -> its labels"""
        request = urllib.request.Request(f"http://{self.server.address}/metrics")
        request.add_header("Authorization", f"Bearer {self.token.strip()}")
        text = await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=DEADLINE_SECS).read().decode())
        kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
        shown = {}
        for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? ", text, re.MULTILINE):
            base = SERIES.sub("", name)
            base = base if kinds.get(base) == "histogram" else name
            shown.setdefault(base, set()).update(re.findall(r'(\w+)="', labels))
        return kinds, shown

    async def test_each_metric_that_is_asked_for_is_shown(self):
        kinds, shown = await self.metrics()
        asked = set()
        for query in queries():
            for name in METRIC.findall(query.replace('"fleetwire', '"')):
                histogram = SERIES.sub("", name)
                base = histogram if kinds.get(histogram) == "histogram" else name
                self.assertIn(base, shown, query)
                asked.add(base)
            known = set().union(*(shown.get(SERIES.sub("", name), shown.get(name, set()))
                                  for name in METRIC.findall(query)), LABELS_OF_OTHERS)
            used = set(re.findall(r"(\w+)=~?\"", query))
            for group in re.findall(r"\bby \(([^)]*)\)", query):
                used |= {label.strip() for label in group.split(",")}
            self.assertLessEqual(used, known, query)
        self.assertEqual(set(shown) - asked, set(), "metrics that neither an alert nor the dashboard shows")

    async def test_each_metric_that_the_sources_name_is_shown(self):
        named = set()
        for file in (ROOT / "src").rglob("*.rs"):
            named |= set(re.findall(r'"(fleetwire_[a-z_]+)"', file.read_text()))
        _, shown = await self.metrics()
        self.assertEqual(named, set(shown))

    async def test_prometheus_reads_it_and_answers_every_query(self):
        await self.start_exporter()
        await self.start_prometheus()
        for query in ('up{job="fleetwire"}', 'probe_success{job="fleetwire-ready"}'):
            await until(f"{query} is 1", lambda query=query: self.is_one(query))
        await until("each rule is evaluated", self.all_are_evaluated)
        self.assertEqual({rule["name"]: rule.get("lastError") for rule in await self.rules_there()},
                         {rule["alert"]: None for rule in rules()})
        for query in queries():
            await self.ask("query", query=query)
        firing = (await self.ask("query", query='ALERTS{alertstate="firing"}'))["result"]
        self.assertEqual(firing, [])

    async def is_one(self, query):
        self.assertIsNone(self.prometheus.poll(), self.log())
        return [sample["value"][1] for sample in (await self.ask("query", query=query))["result"]] == ["1"]

    async def all_are_evaluated(self):
        return all(rule["health"] != "unknown" for rule in await self.rules_there())

    async def rules_there(self):
        return [rule for group in (await self.ask("rules"))["groups"] for rule in group["rules"]]

    async def start_prometheus(self):
        text = CONFIG.read_text()
        token = self.directory / "fleetwire.token"
        token.write_text(self.token)
        for theirs, ours in (
            ("/etc/prometheus/fleetwire.token", str(token)), ("127.0.0.1:8000", self.server.address),
            ("scrape_interval: 15s", "scrape_interval: 1s"), ("evaluation_interval: 15s", "evaluation_interval: 1s"),
            ("127.0.0.1:9115", self.exporter),
        ):
            self.assertIn(theirs, text)
            text = text.replace(theirs, ours)
        (self.directory / "prometheus.yml").write_text(text)
        # Rules of days would be looked at once in five minutes.
        (self.directory / "alerts.yml").write_text(RULES.read_text().replace("interval: 5m", "interval: 1s"))
        self.address = f"127.0.0.1:{free_port()}"
        self.prometheus = self.launch(
            "prometheus", f"--config.file={self.directory}/prometheus.yml", f"--storage.tsdb.path={self.directory}/data",
            f"--web.listen-address={self.address}")
        await until("Prometheus is ready", self.is_ready)

    async def is_ready(self):
        self.assertIsNone(self.prometheus.poll(), self.log())
        return "Server is ready to receive web requests" in self.log()

    async def start_exporter(self):
        """With the module of its own that is asked for, as Debian's package sets it up."""
        self.exporter = f"127.0.0.1:{free_port()}"
        modules = self.directory / "blackbox.yml"
        modules.write_text("modules:\n  http_2xx:\n    prober: http\n")
        self.launch("prometheus-blackbox-exporter", f"--config.file={modules}", f"--web.listen-address={self.exporter}")

    def launch(self, program, *arguments):
        with open(self.directory / f"{program}.log", "w") as log:
            process = subprocess.Popen(
                [self.program(program), *arguments], cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=die_with_the_test)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process

    def log(self):
        return (self.directory / "prometheus.log").read_text()

    async def ask(self, what, **parameters):
        url = f"http://{self.address}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        answer = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=DEADLINE_SECS).read())
        return json.loads(answer)["data"]


if __name__ == "__main__":
    unittest.main()
