"""The policy in force, read from a directory of YAML files or from the packaged one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.domain.policy import Policy
from consent_registry_server.policy.build import Packs, policy_from
from consent_registry_server.policy.checks import (
    check_controllers,
    check_country,
    check_purposes,
    check_recording,
    check_territories,
)
from consent_registry_server.policy.document import Document, read_document
from consent_registry_server.policy.schema import (
    ControllersFile,
    CountryFile,
    PurposesFile,
    RecordingFile,
    validated,
)

_CONTROLLERS: Final = "controllers.yaml"
_PURPOSES: Final = "purposes.yaml"
_RECORDING: Final = "recording.yaml"
_REQUIRED_FILES: Final = frozenset({_CONTROLLERS, _PURPOSES, _RECORDING})
_COUNTRY_FILE: Final = re.compile(r"([A-Z]{2})\.yaml")


def load_policy(directory: Path | None = None) -> Policy:
    """The policy of a directory; None for the packaged one.

    The directory holds `controllers.yaml`, `purposes.yaml`, `recording.yaml` and one file a
    country, e.g. `FR.yaml`; hidden files and those of other kinds are left alone.

    Raises:
        ConfigurationError: with every fault as a line `file:line: key: problem`.
    """
    source = directory or files(__package__) / "packs"
    if not source.is_dir():
        raise ConfigurationError(f"the policy directory {source} does not exist")
    documents = _read(source)
    packs = _checked(documents)
    problems = sorted(problem for document in documents.values() for problem in document.problems)
    if packs is None or problems:
        faults = "\n".join(f"  {problem}" for problem in problems)
        raise ConfigurationError(f"the policy in {source} is refused:\n{faults}")
    return policy_from(packs)


def _read(source: Traversable) -> dict[str, Document]:
    """The documents by file name; those that must be there always."""
    # A mounted ConfigMap keeps its versions in hidden directories beside the files.
    found = {file.name: file for file in source.iterdir() if not file.name.startswith(".")}
    documents = {}
    for name in _REQUIRED_FILES - found.keys():
        documents[name] = Document(name)
        documents[name].report((), "the file is missing")
    for name, file in found.items():
        if name in _REQUIRED_FILES or _COUNTRY_FILE.fullmatch(name):
            documents[name] = read_document(file)
        elif name.lower().endswith((".yaml", ".yml")):
            documents[name] = Document(name)
            documents[name].report((), "no such policy file; a country's is named like FR.yaml")
    return documents


def _checked(documents: Mapping[str, Document]) -> Packs | None:
    """The files as packs; None when one has no usable shape. All faults are reported."""
    controllers = validated(documents[_CONTROLLERS], ControllersFile)
    purposes = validated(documents[_PURPOSES], PurposesFile)
    recording = validated(documents[_RECORDING], RecordingFile)
    by_country = {
        match[1]: document
        for name, document in documents.items()
        if (match := _COUNTRY_FILE.fullmatch(name))
    }
    validated_packs = {key: validated(doc, CountryFile) for key, doc in by_country.items()}
    countries = {key: pack for key, pack in validated_packs.items() if pack is not None}
    if controllers is not None:
        check_controllers(controllers, documents[_CONTROLLERS], countries=by_country.keys())
    if purposes is not None:
        check_purposes(purposes, documents[_PURPOSES])
    if recording is not None:
        check_recording(recording, documents[_RECORDING])
    for key, pack in countries.items():
        check_country(pack, by_country[key], country=key)
    check_territories(countries, by_country)
    if controllers is None or purposes is None or recording is None:
        return None
    return Packs(
        controllers=controllers, purposes=purposes, recording=recording, countries=countries
    )
