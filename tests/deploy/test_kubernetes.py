"""The manifests are what Kubernetes takes, belong together, and keep to its strictest profile."""

import unittest

import yaml
from kubernetes_validate import validate

from files import DEPLOY, Case

FOLDER = DEPLOY / "kubernetes"
# The oldest of today's, and a later one.
VERSIONS = ("1.30", "1.34")


def manifest(file):
    return yaml.safe_load((FOLDER / file).read_text())


class Kubernetes(Case):
    def setUp(self):
        self.listed = manifest("kustomization.yaml")["resources"]
        self.pod = manifest("deployment.yaml")["spec"]["template"]
        self.container, = self.pod["spec"]["containers"]

    def test_each_is_of_its_schema(self):
        for file in [*self.listed, "secret.example.yaml"]:
            for version in VERSIONS:
                with self.subTest(file=file, version=version):
                    validate(manifest(file), version, strict=True)

    def test_each_file_is_listed_but_the_secret(self):
        files = {path.name for path in FOLDER.iterdir()} - {"kustomization.yaml", "secret.example.yaml"}
        self.assertEqual(set(self.listed), files)
        for file in self.listed:
            self.assertNotEqual(manifest(file)["kind"], "Secret")

    def test_all_that_is_named_is_there(self):
        labels = self.pod["metadata"]["labels"].items()
        for selector in (manifest("service.yaml")["spec"]["selector"],
                         manifest("deployment.yaml")["spec"]["selector"]["matchLabels"]):
            self.assertLessEqual(selector.items(), labels)
        names = {(manifest(file)["kind"], manifest(file)["metadata"]["name"])
                 for file in [*self.listed, "secret.example.yaml"]}
        config, secret = self.container["envFrom"]
        self.assertIn(("ConfigMap", config["configMapRef"]["name"]), names)
        self.assertIn(("Secret", secret["secretRef"]["name"]), names)
        volumes = {volume["name"]: volume for volume in self.pod["spec"]["volumes"]}
        self.assertIn(("PersistentVolumeClaim", volumes["state"]["persistentVolumeClaim"]["claimName"]), names)
        self.assertEqual({mount["name"] for mount in self.container["volumeMounts"]}, set(volumes))
        ports = {port["name"]: port["containerPort"] for port in self.container["ports"]}
        self.assertIn(manifest("service.yaml")["spec"]["ports"][0]["targetPort"], ports)
        self.assertTrue(manifest("config.yaml")["data"]["BIND"].endswith(f":{ports['http']}"))
        image, = manifest("kustomization.yaml")["images"]
        self.assertEqual(self.container["image"], image["name"])

    def test_the_version_is_the_products(self):
        image, = manifest("kustomization.yaml")["images"]
        self.assertIn(f'version = "{image["newTag"]}"\n', (DEPLOY.parent / "Cargo.toml").read_text())

    def test_one_server_owns_the_database(self):
        spec = manifest("deployment.yaml")["spec"]
        self.assertEqual((spec["replicas"], spec["strategy"]), (1, {"type": "Recreate"}))

    def test_probes_ask_what_the_server_answers(self):
        paths = {kind: self.container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
        # A restart helps against no database that is away.
        self.assertEqual(paths, {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"})

    def test_it_is_restricted(self):
        """The rules of the profile `restricted`, which the namespace enforces."""
        label = manifest("namespace.yaml")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        self.assertEqual(label, "restricted")
        pod, container = self.pod["spec"]["securityContext"], self.container["securityContext"]
        self.assertTrue(pod["runAsNonRoot"] and pod["runAsUser"] > 0)
        self.assertEqual(pod["seccompProfile"], {"type": "RuntimeDefault"})
        self.assertFalse(container["allowPrivilegeEscalation"])
        self.assertEqual(container["capabilities"], {"drop": ["ALL"]})
        self.assertTrue(container["readOnlyRootFilesystem"])
        for volume in self.pod["spec"]["volumes"]:
            self.assertLessEqual(set(volume) - {"name"}, {"persistentVolumeClaim", "emptyDir"})


if __name__ == "__main__":
    unittest.main()
