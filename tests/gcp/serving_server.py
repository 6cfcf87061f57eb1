"""A server that speaks the part of Vertex AI's REST API that registers models and deploys them."""

import re
import threading
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback import JsonServer, google_error, running

PATH = re.compile(
    r"/(?:v1beta1|ui)/(projects/[^/]+/locations/[^/]+)/(models|endpoints|operations)(?:/([^/:]+))?(?::(\w+))?"
)
TYPES = "type.googleapis.com/google.cloud.aiplatform.v1beta1."
EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}


class ServingServer(JsonServer):
    """Models with their versions, and endpoints with what is deployed on them; a name is taken once."""

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[str, list[dict[str, Any]]] = {}
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.operations: dict[str, dict[str, Any]] = {}
        self.deployments = 0
        self.takes_time = False
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(path)
        match = PATH.fullmatch(parts.path)
        if not match:
            return 404, google_error(404, "NOT_FOUND", parts.path)
        parent, kind, name, action = match.groups()
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        with self._lock:
            if kind == "operations":
                return 200, {**self.operations[name], "done": True}
            if kind == "models":
                return self._model(method, parent, name, action, body, query)
            return self._endpoint(method, parent, name, action, body, query)

    def _model(self, method: str, parent: str, name: Any, action: Any, body: Any, query: Any) -> Any:  # noqa: PLR0917
        if action == "upload":
            of = body.get("parentModel", "").rpartition("/")[2]
            if not of and body["modelId"] in self.models:
                return 409, google_error(409, "ALREADY_EXISTS", body["modelId"])
            model_id = of or body["modelId"]
            versions = self.models.setdefault(model_id, [])
            full = f"{parent}/models/{model_id}"
            versions.append({**body["model"], "name": full, "versionId": str(len(versions) + 1)})
            answer = {"@type": TYPES + "UploadModelResponse", "model": full, "modelVersionId": str(len(versions))}
            return 200, self._operation(parent, answer)
        if action == "listVersions":
            return 200, {"models": self.models[name]}
        if method == "DELETE":
            del self.models[name]
            return 200, self._operation(parent, EMPTY)
        newest = [versions[-1] for versions in self.models.values()]
        return 200, {"models": [model for model in newest if _fits(model, query["filter"])]}

    def _endpoint(self, method: str, parent: str, name: Any, action: Any, body: Any, query: Any) -> Any:  # noqa: PLR0917
        if action == "deployModel":
            deployed = body["deployedModel"]
            if deployed["id"] in [one["id"] for one in self.endpoints[name]["deployedModels"]]:
                return 409, google_error(409, "ALREADY_EXISTS", deployed["id"])
            self.deployments += 1
            self.endpoints[name]["deployedModels"].append(deployed)
            answer = {"@type": TYPES + "DeployModelResponse", "deployedModel": deployed}
            return 200, {**self._operation(parent, answer), "done": not self.takes_time}
        if action == "undeployModel":
            kept = [one for one in self.endpoints[name]["deployedModels"] if one["id"] != body["deployedModelId"]]
            self.endpoints[name]["deployedModels"] = kept
            return 200, self._operation(parent, {"@type": TYPES + "UndeployModelResponse"})
        if method == "POST":
            new = query["endpointId"]
            if new in self.endpoints:
                return 409, google_error(409, "ALREADY_EXISTS", new)
            full = f"{parent}/endpoints/{new}"
            dns = {"dedicatedEndpointDns": f"{new}.europe-west4-1.prediction.vertexai.goog"}
            self.endpoints[new] = {**body, **dns, "name": full, "deployedModels": []}
            return 200, self._operation(parent, {"@type": TYPES + "Endpoint", **self.endpoints[new]})
        if method == "DELETE":
            if self.endpoints[name]["deployedModels"]:
                return 400, google_error(400, "FAILED_PRECONDITION", "something is deployed on it")
            del self.endpoints[name]
            return 200, self._operation(parent, EMPTY)
        if name:
            return 200, self.endpoints[name]
        return 200, {"endpoints": [one for one in self.endpoints.values() if _fits(one, query["filter"])]}

    def _operation(self, parent: str, response: dict[str, Any]) -> dict[str, Any]:
        number = str(len(self.operations) + 1)
        full = f"{parent}/operations/{number}"
        self.operations[number] = {"name": full, "done": True, "response": response}
        return self.operations[number]


def _fits(resource: dict[str, Any], wanted: str) -> bool:
    found = re.fullmatch(r'(display_name|labels\.twin)="([^"]+)"', wanted)
    assert found, wanted
    value = resource["displayName"] if found[1] == "display_name" else resource.get("labels", {}).get("twin")
    return value == found[2]


def serving() -> AbstractContextManager[ServingServer]:
    return running(ServingServer())
