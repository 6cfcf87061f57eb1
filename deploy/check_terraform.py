"""Checks every attribute of Terraform files against the schema of the google provider, offline.

    .cache/cloud-checks/bin/python deploy/check_terraform.py SCHEMA deploy/terraform

SCHEMA is the `.jsii` file of the npm package @cdktf/provider-google, which was generated from provider 6.50.
`terraform validate` would need the provider itself.
"""

import difflib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2

META = {"count", "depends_on", "for_each", "lifecycle", "provider", "__start_line__", "__end_line__"}
Schema = dict[str, dict[str, Any]]


def main(schema_file: str, folder: str) -> int:
    types: Schema = json.loads(Path(schema_file).read_text("utf-8"))["types"]
    by_resource = dict(_resources(types))
    faults: list[str] = []
    count = 0
    for path in sorted(Path(folder).glob("*.tf")):
        for kind, prefix in (("resource", ""), ("data", "datagoogle")):
            for block in hcl2.loads(path.read_text("utf-8")).get(kind, []):
                for name, named in block.items():
                    if not name.startswith("google_"):
                        continue
                    count += 1
                    config = by_resource.get(prefix + name.removeprefix("google_").replace("_", ""))
                    if config is None:
                        faults.append(f"{path.name}: no {kind} {name}")
                        continue
                    for label, body in named.items():
                        faults += _check(f"{path.name}: {name}.{label}", body, config, types)
    sys.stdout.write("\n".join([*faults, f"{count} resources, {len(faults)} faults"]) + "\n")
    return 1 if faults else 0


def _resources(types: Schema) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each resource's configuration, by its class, e.g. `storagebucket`, or `datagoogleproject`."""
    for name, each in types.items():
        simple = name.rpartition(".")[2]
        if simple.endswith("Config"):
            of = simple.removesuffix("Config")
            if any(found[1] == of for found, _ in _fields(each)):
                yield of.lower(), each


def _check(where: str, body: dict[str, Any], config: dict[str, Any], types: Schema) -> Iterator[str]:
    known = {found[2]: field for found, field in _fields(config)}
    blocks = dict(body)
    for name, contents in ((name, each) for one in blocks.pop("dynamic", []) for name, each in one.items()):
        blocks.setdefault(name, []).extend(contents["content"])
    for name, value in blocks.items():
        if name in META:
            continue
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            yield f"{where}: no attribute {name}" + (f"; {close[0]}?" if close else "")
            continue
        inner = types.get(_type_of(known[name]), {})
        if inner.get("properties"):
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict):
                    yield from _check(f"{where}.{name}", each, inner, types)
    for name, field in known.items():
        if not field.get("optional") and name not in blocks:
            yield f"{where}: {name} is required"


def _fields(config: dict[str, Any]) -> Iterator[tuple[re.Match[str], dict[str, Any]]]:
    """The attributes of a block: what its documentation links to, `CLASS#NAME`, and the attribute."""
    for field in config.get("properties", []):
        docs = field.get("docs", {})
        if found := re.search(r" (\w+)#(\w+)\}", docs.get("remarks", "") + docs.get("summary", "")):
            yield found, field


def _type_of(field: dict[str, Any]) -> str:
    """The name of the type that an attribute's block has, or of its elements."""
    found = re.search(r'"fqn": "(@cdktf/provider-google[^"]+)"', json.dumps(field["type"]))
    return found[1] if found else ""


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
