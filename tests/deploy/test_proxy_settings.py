"""Proxies find nothing wrong with the examples, each as it is and with its lines for TLS. That they work is shown by
`tests/proxies`, which starts the same files."""

import pathlib
import shutil
import tempfile
import unittest

from files import DEPLOY, Case, found
from proxies import Nginx, free_port

# Without anybody listening: nothing is asked.
UPSTREAM = "127.0.0.1:9"
NGINX_TLS = {
    "listen 80;": "",
    "# With TLS instead:": "",
    "# listen 443 ssl;": "listen 127.0.0.1:{port} ssl;",
    "# ssl_certificate /etc/ssl/fleetwire.pem;": "ssl_certificate {directory}/fleetwire.pem;",
    "# ssl_certificate_key /etc/ssl/fleetwire.key;": "ssl_certificate_key {directory}/fleetwire.key;",
}
HAPROXY_TLS = {"# bind :443 ssl crt /etc/haproxy/fleetwire.pem": "bind :443 ssl crt {directory}/both.pem"}


class Proxies(Case):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="fleetwire-deploy-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def make_certificate(self):
        certificate, key = self.directory / "fleetwire.pem", self.directory / "fleetwire.key"
        self.succeeds(
            self.program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=fleet.example.com", "-days", "1", "-keyout", key, "-out", certificate)
        (self.directory / "both.pem").write_text(certificate.read_text() + key.read_text())

    def exchanged(self, text, exchanges):
        for theirs, ours in exchanges.items():
            self.assertIn(theirs, text)
            text = text.replace(theirs, ours.format(directory=self.directory, port=free_port()))
        return text

    def test_nginx(self):
        program = self.program("nginx")
        proxy = Nginx(UPSTREAM)
        self.addCleanup(proxy.close, False)
        command = proxy.command()
        self.succeeds(program, *command, "-t")
        self.make_certificate()
        site = proxy.directory / "fleetwire.conf"
        text = site.read_text().replace(f"listen {proxy.address};", "listen 80;")
        site.write_text(self.exchanged(text, NGINX_TLS))
        self.succeeds(program, *command, "-t")

    @unittest.skipIf(found("haproxy") is None, "haproxy is not installed")
    def test_haproxy(self):
        example = DEPLOY / "haproxy.cfg"
        self.succeeds(found("haproxy"), "-c", "-f", example)
        self.make_certificate()
        with_tls = self.directory / "haproxy.cfg"
        with_tls.write_text(self.exchanged(example.read_text(), HAPROXY_TLS))
        self.succeeds(found("haproxy"), "-c", "-f", with_tls)

    @unittest.skipIf(found("caddy") is None, "caddy is not installed")
    def test_caddy(self):
        home = {"HOME": str(self.directory), "XDG_DATA_HOME": str(self.directory)}
        self.succeeds(
            found("caddy"), "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile", env=home)
