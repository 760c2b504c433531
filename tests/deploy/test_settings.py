"""What the files say of the product's settings is so."""

import re
import unittest

import yaml

from files import DEPLOY, Case, settings, texts

# The server ends within so long of SIGTERM (docs/OPERATIONS.md, "Stopping").
STOP_SECS_MAX = 10
# Words like settings that are other programs'.
OTHERS = re.compile(r"(AF|CAP)_[A-Z0-9_]+|POSTGRES_(USER|PASSWORD|DB)|RUST_VERSION")
# And of the product: what the log shows is no setting of the table.
BESIDE_THE_TABLE = {"RUST_LOG"}


def seconds(text):
    return int(str(text).removesuffix("s"))


class Settings(Case):
    def test_each_name_is_a_setting(self):
        known = {*settings(), *BESIDE_THE_TABLE}
        for file, text in texts().items():
            # With an underscore wherever it is, without one where it is set.
            names = {*re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", text), *re.findall(r"\b([A-Z]{4,})=", text)}
            unknown = {name for name in names - known if not OTHERS.fullmatch(name)}
            if file == "Dockerfile":
                unknown -= {"FEATURES"}
            if file == "kubernetes/deployment.yaml":
                # What Kubernetes would set.
                unknown -= {"FLEETWIRE_PORT"}
            self.assertEqual(unknown, set(), file)

    def test_each_variable_of_a_container_or_a_unit_is_a_setting(self):
        compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
        given = {
            "compose.yaml": compose["services"]["fleetwire"]["environment"],
            **{
                file: yaml.safe_load((DEPLOY / "kubernetes" / file).read_text())[key]
                for file, key in (("config.yaml", "data"), ("secret.example.yaml", "stringData"))
            },
            "fleetwire.service": dict(
                re.findall(r"^Environment=(\w+)=(.*)$", (DEPLOY / "systemd/fleetwire.service").read_text(), re.MULTILINE)),
        }
        for file, variables in given.items():
            self.assertTrue(variables, file)
            self.assertLessEqual(set(variables), set(settings()), file)

    def test_values_named_in_passing_are_the_defaults(self):
        defaults, checked = settings(), 0
        for file, text in texts().items():
            for name, value in re.findall(r"\b([A-Z]+(?:_[A-Z]+)+)(?:, | \()(\d+) (?:s|days)\)", text):
                self.assertEqual(defaults[name], value, f"{file}: {name}")
                checked += 1
        self.assertGreater(checked, 4)

    def test_no_secret_is_in_a_file(self):
        secrets = ("JWT_SECRET", "JWT_SECRET_PREVIOUS", "FIREBASE_PRIVATE_KEY", "APNS_PRIVATE_KEY", "EXPO_ACCESS_TOKEN",
                   "PAYMENT_WEBHOOK_SECRET", "POSTGRES_PASSWORD")
        self.assertLessEqual(set(secrets) - {"POSTGRES_PASSWORD"}, set(settings()))
        for file, text in texts().items():
            for value in re.findall(rf"\b(?:{'|'.join(secrets)})(?:=|: )(\S*)", text):
                # Empty, or from elsewhere: printf's next argument, a variable, another program.
                self.assertRegex(value, r"""^(""|%s.*|\$\{.*|"\$\(.*)$""", file)

    def test_whoever_stops_the_server_waits_long_enough(self):
        unit = (DEPLOY / "systemd/fleetwire.service").read_text()
        compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
        pod = yaml.safe_load((DEPLOY / "kubernetes/deployment.yaml").read_text())["spec"]["template"]["spec"]
        for given in (
            re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[1],
            compose["services"]["fleetwire"]["stop_grace_period"],
            pod["terminationGracePeriodSeconds"],
        ):
            self.assertGreater(seconds(given), STOP_SECS_MAX)

    def test_files_may_be_open_for_all_connections(self):
        defaults = settings()
        wanted = 2 * (int(defaults["MAX_CONNECTIONS"]) + int(defaults["MAX_HTTP_CONNECTIONS"])) + 300
        unit = (DEPLOY / "systemd/fleetwire.service").read_text()
        compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
        for given in (
            re.search(r"^LimitNOFILE=(\d+)$", unit, re.MULTILINE)[1],
            compose["services"]["fleetwire"]["ulimits"]["nofile"],
        ):
            self.assertGreaterEqual(int(given), wanted)

    def test_each_file_is_spoken_of(self):
        text = (DEPLOY.parent / "docs/OPERATIONS.md").read_text()
        section = text.split("\n## Files to start from\n")[1].split("\n## ")[0]
        for file in texts():
            folder = file.split("/")[0]
            self.assertTrue(f"`{file}`" in section or f"`{folder}/`" in section, file)


if __name__ == "__main__":
    unittest.main()
