"""Vertex AI serving: registers what was trained, and keeps an endpoint on which it answers.

All twins of a base share one endpoint: vLLM with the base, asleep while nobody talks, which loads a twin's adapter from
the bucket when it is first asked for. A merged model may have an endpoint of its own instead. Whatever belongs to one
twin carries its id as a label, so that it can be found and deleted with it.
"""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from google.api_core import exceptions as google_errors
from google.cloud import aiplatform_v1beta1 as vertex  # sleeping at zero machines is not in v1 yet

from twin.backends.gcp.faults import DEADLINE_S
from twin.backends.gcp.vertex_api import VertexApi
from twin.domain.runs import Run
from twin.errors import SettingsError

DEPLOY_S = 45 * 60.0
"""How long a machine with a GPU may take to come up and load the base."""

IDLE_S = 15 * 60
"""After so long without a request, an endpoint goes to sleep."""

PORT = 8080
ONLY = "1"
"""The id of the one model that is deployed on an endpoint."""


@dataclass(frozen=True, slots=True)
class ServingAddress:
    """Where and on what models answer.

    Attributes:
        image: vLLM's server.
        base: the folder of the base model in the bucket, `gs://…`, which the server reads itself.
        account: the service account of the servers; "" for the project's default.
    """

    project: str
    region: str
    image: str
    base: str
    machine: str = "g2-standard-8"
    accelerator: str = "NVIDIA_L4"
    account: str = ""

    @classmethod
    def parse(cls, address: str) -> "ServingAddress":
        """`vertex:PROJECT/REGION?image=IMAGE&base=gs://…&machine=…&accelerator=…&account=…`. Raises SettingsError."""
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query))
        project, _, region = parts.path.partition("/")
        known = {"image", "base", "machine", "accelerator", "account"}
        if not (project and region and options.get("image") and options.get("base")) or not options.keys() <= known:
            raise SettingsError(
                f"TWIN_SERVING={address} is no place to deploy to. Give "
                "vertex:PROJECT/REGION?image=IMAGE&base=gs://BUCKET/bases/NAME."
            )
        return cls(project, region, **options)


class VertexServing:
    """Models and endpoints of a project.

    Args:
        models, endpoints: the clients `ModelServiceClient` and `EndpointServiceClient` of aiplatform_v1beta1; None
            connects with the machine's own credentials.
    """

    def __init__(
        self, address: ServingAddress, *, models: Any = None, endpoints: Any = None, deadline_s: float = DEADLINE_S
    ) -> None:
        self._address = address
        self._api = VertexApi(
            address.project,
            address.region,
            quota=f"the quota of {address.accelerator} for serving",
            deadline_s=deadline_s,
        )
        self._models: Any = models or self._api.client(vertex.ModelServiceClient)
        self._endpoints: Any = endpoints or self._api.client(vertex.EndpointServiceClient)

    def publish(self, run: Run, adapter: str) -> str:
        """Register a run's adapter, `gs://…`, as a version of its twin; the URL below which the shared server answers.

        Doing it again changes nothing.
        """
        with self._api.service.reached(f"registering run {run.id}"):
            self._register(f"twin-{run.twin_id}", run, adapter, self._server(self._address.base, adapters=True))
        base = self._address.base
        shared = f"twin-base-{sha256(base.encode()).hexdigest()[:12]}"
        labels = {"twin": "shared"}
        return self._answering(shared, labels, lambda: self._server_model(shared, base, labels, adapters=True))

    def publish_merged(self, run: Run, folder: str) -> str:
        """Register a run's merged model, a Hugging Face folder at `gs://…`, and give it an endpoint of its own."""
        labels = {"twin": run.twin_id}
        name = f"twin-merged-{run.id}"
        return self._answering(name, labels, lambda: self._server_model(name, folder, labels, adapters=False))

    def forget(self, twin_id: str) -> int:
        """Delete every model and endpoint of a twin; how many there were. The shared server stays."""
        chosen = self._api.labelled("twin", twin_id)
        deleted = 0
        with self._api.service.reached("deleting what a twin had deployed"):
            for endpoint in self._endpoints.list_endpoints(request=chosen, **self._api.call):
                for deployed in endpoint.deployed_models:
                    request = {"endpoint": endpoint.name, "deployed_model_id": deployed.id}
                    self._done(self._endpoints.undeploy_model(request=request, **self._api.call))
                self._done(self._endpoints.delete_endpoint(name=endpoint.name, **self._api.call))
                deleted += 1
            for model in self._models.list_models(request=chosen, **self._api.call):
                self._done(self._models.delete_model(name=model.name, **self._api.call))
                deleted += 1
        return deleted

    def _answering(self, name: str, labels: dict[str, str], model: Callable[[], str]) -> str:
        """The URL of an endpoint on which a model answers; what is not there yet is made."""
        with self._api.service.reached(f"deploying {name}"):
            endpoint = next(self._named(self._endpoints.list_endpoints, name), None)
            if endpoint is None:
                wanted = vertex.Endpoint(display_name=name, labels=labels, dedicated_endpoint_enabled=True)
                request = {"parent": self._api.parent, "endpoint": wanted, "endpoint_id": name}
                with suppress(google_errors.Conflict):  # the answer to an earlier try was lost
                    self._done(self._endpoints.create_endpoint(request=request, **self._api.call))
                endpoint = self._endpoints.get_endpoint(name=f"{self._api.parent}/endpoints/{name}", **self._api.call)
            if not endpoint.deployed_models:
                with suppress(google_errors.Conflict):
                    self._done(self._deploy(endpoint.name, name, model()), within_s=DEPLOY_S)
        return f"https://{endpoint.dedicated_endpoint_dns}/v1/{endpoint.name}/invoke"

    def _deploy(self, endpoint: str, name: str, model: str) -> Any:
        address = self._address
        machine = vertex.MachineSpec(
            machine_type=address.machine, accelerator_type=address.accelerator, accelerator_count=1
        )
        sleeping = vertex.DedicatedResources.ScaleToZeroSpec(idle_scaledown_period={"seconds": IDLE_S})
        resources = vertex.DedicatedResources(
            machine_spec=machine,
            min_replica_count=0,
            initial_replica_count=1,
            max_replica_count=1,
            scale_to_zero_spec=sleeping,
        )
        deployed = vertex.DeployedModel(
            id=ONLY,  # a second one cannot be deployed by mistake
            model=model,
            display_name=name,
            dedicated_resources=resources,
            service_account=address.account,
        )
        request = {"endpoint": endpoint, "deployed_model": deployed, "traffic_split": {"0": 100}}
        return self._endpoints.deploy_model(request=request, **self._api.call)

    def _server_model(self, name: str, folder: str, labels: dict[str, str], *, adapters: bool) -> str:
        """The model that a server is deployed from, by its name in the registry."""
        for model in self._named(self._models.list_models, name):
            return model.name
        wanted = vertex.Model(
            display_name=name,
            container_spec=self._server(folder, adapters=adapters),
            artifact_uri=folder,
            labels=labels,
        )
        self._upload({"parent": self._api.parent, "model": wanted, "model_id": name})
        return f"{self._api.parent}/models/{name}"

    def _register(self, name: str, run: Run, folder: str, server: Any) -> None:
        """Add a version to the model `name`, unless it is there: its alias is the run."""
        alias, parent_model = f"run-{run.id}", ""
        for model in self._named(self._models.list_models, name):
            versions = self._models.list_model_versions(request={"name": model.name}, **self._api.call)
            if any(alias in version.version_aliases for version in versions):
                return
            parent_model = model.name
        wanted = vertex.Model(
            display_name=name,
            artifact_uri=folder,
            container_spec=server,
            version_aliases=[alias],
            labels={"twin": run.twin_id},
        )
        where = {"parent_model": parent_model} if parent_model else {"model_id": name}
        self._upload({"parent": self._api.parent, "model": wanted, **where})

    def _upload(self, request: dict[str, Any]) -> None:
        with suppress(google_errors.Conflict):  # the answer to an earlier try was lost
            self._done(self._models.upload_model(request=request, **self._api.call))

    def _server(self, folder: str, *, adapters: bool) -> Any:
        """vLLM with a model of the bucket; every route of it is reached through the endpoint."""
        with_adapters = ["--enable-lora", "--max-lora-rank=64", "--max-loras=16", "--max-cpu-loras=256"]
        return vertex.ModelContainerSpec(
            image_uri=self._address.image,
            args=[f"--model={folder}", f"--port={PORT}", "--max-model-len=4096", *(with_adapters if adapters else [])],
            ports=[{"container_port": PORT}],
            health_route="/health",
            predict_route="/v1/completions",
            invoke_route_prefix="/*",
        )

    def _named(self, listing: Callable[..., Any], name: str) -> Iterator[Any]:
        yield from listing(request={"parent": self._api.parent, "filter": f'display_name="{name}"'}, **self._api.call)

    def _done(self, operation: Any, *, within_s: float = 600.0) -> Any:
        """What a long operation gives in the end."""
        return operation.result(timeout=within_s)
