"""Writes the chart's README from its metadata, its values and their schema, or checks it.

With `--check` it writes nothing, and exits with 1 when the README is not what it would write.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

CHART = Path("charts/consent-registry")
README = CHART / "README.md"

_HEAD = """# {name}

<!-- Written by `make chart-readme` from Chart.yaml, values.yaml and values.schema.json. -->

{description}

Chart {version}, of the registry {app_version}; Kubernetes {kube_version}.

It installs the gRPC servers, the unsubscribe pages, the migration, the daily expiry of identities,
the export of the log if wanted, and what belongs to them. It brings no database: name two
PostgreSQL servers, or let the CloudNativePG operator run them. How to install, upgrade, back up
and watch it is in [docs/operations.md](../../docs/operations.md).

```console
helm install registry charts/consent-registry --namespace consent --values values.yaml
```

Whole files of values: {examples}.

## Secrets

The chart makes none; it refers to these, which somebody else makes, or the External Secrets
operator (`externalSecrets`):

| Value | Key | What |
| --- | --- | --- |
{secrets}

## Values

Other values than these are refused, and so are those that cannot be.

| Value | Default | What |
| --- | --- | --- |
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="tell what is wrong, write nothing")
    text = readme()
    if not parser.parse_args(arguments).check:
        README.write_text(text, encoding="utf-8")
        return 0
    if README.exists() and README.read_text(encoding="utf-8") == text:
        return 0
    print(f"{README} is not what its sources say: make chart-readme")
    return 1


def readme() -> str:
    """The README that belongs to the chart as it is."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    described = dict(_described(schema))
    head = _HEAD.format(
        name=chart["name"],
        description=chart["description"],
        version=chart["version"],
        app_version=chart["appVersion"],
        kube_version=chart["kubeVersion"].replace("-0", ""),
        examples=", ".join(
            f"[{path.stem.replace('-', ' ')}](examples/{path.name})"
            for path in sorted((CHART / "examples").glob("*.yaml"))
        ),
        secrets="\n".join(_secrets(values, described)),
    )
    rows = (
        f"| `{path}` | {_shown(value)} | {described[path]} |" for path, value in _leaves(values)
    )
    return head + "\n".join(rows) + "\n"


def _leaves(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no group of others, by its path; an empty group is one too."""
    for name, value in values.items():
        path = f"{before}{name}"
        if isinstance(value, dict) and value and not _is_free(path):
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value


def _is_free(path: str) -> bool:
    """Whether what is below a path is Kubernetes' own."""
    return path.rpartition(".")[2] in {"resources", "labels", "annotations", "parameters"}


def _described(schema: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """What the schema says of each path."""
    for name, part in schema.get("properties", {}).items():
        path = f"{before}{name}"
        yield path, part["description"]
        yield from _described(part, f"{path}.")


def _secrets(values: Mapping[str, Any], described: Mapping[str, str]) -> Iterator[str]:
    """A row for each Secret that values refer to."""
    for path, value in _leaves(values):
        group, _, leaf = path.rpartition(".")
        if leaf != "name" or not group.endswith("Secret"):
            continue
        keys = dict(_leaves(values)).get(f"{group}.key", "tls.crt, tls.key, ca.crt")
        default = f"`{value}`" if value else "none"
        yield f"| `{path}`: {default} | `{keys}` | {described[group]} |"


def _shown(value: object) -> str:
    if value == "":
        return ""
    return f"`{json.dumps(value, ensure_ascii=False)}`"


if __name__ == "__main__":
    sys.exit(main())
