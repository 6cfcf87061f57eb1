"""A Pub/Sub publisher over real gRPC that fails as planned; built from Google's own generated types."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.pubsub_v1 import types

SLOW_S = 8.0


class Publisher:
    """Takes messages; meets the next request with `plan[0]` and so on: a gRPC status, `slow` or `lost`."""

    def __init__(self) -> None:
        self.plan: list[grpc.StatusCode | str] = []
        self.messages: list[Any] = []
        self.requests = 0

    def publish(self, request: Any, context: Any) -> Any:
        self.requests += 1
        fault = self.plan.pop(0) if self.plan else None
        if isinstance(fault, grpc.StatusCode):
            context.abort(fault, "planned")
        if fault == "slow":
            time.sleep(SLOW_S)
        self.messages += request.messages
        if fault == "lost":
            context.abort(grpc.StatusCode.UNAVAILABLE, "the answer was lost")
        ids = [str(len(self.messages) - number) for number in range(len(request.messages))]
        return types.PublishResponse(message_ids=ids)


@contextmanager
def serving() -> Iterator[tuple[Publisher, str]]:
    """The publisher and its address."""
    publisher = Publisher()
    method = grpc.unary_unary_rpc_method_handler(
        publisher.publish,
        request_deserializer=types.PublishRequest.deserialize,
        response_serializer=types.PublishResponse.serialize,
    )
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", {"Publish": method}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield publisher, f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
