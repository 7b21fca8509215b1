"""The policy in force, read from YAML files: those of a directory or the packaged ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.domain.policy import Policy
from consent_registry_server.policy.build import Packs, policy_from, rules_of
from consent_registry_server.policy.checks import (
    check_controllers,
    check_purposes,
    check_recording,
    check_registers,
    check_retention,
    check_territories,
    check_unverified,
)
from consent_registry_server.policy.document import MAX_FILE_BYTES, Document, read_document
from consent_registry_server.policy.layer import with_layer
from consent_registry_server.policy.rule_checks import check_country
from consent_registry_server.policy.schema import (
    CompanyFile,
    ControllersFile,
    CountryFile,
    PurposesFile,
    RecordingFile,
    RetentionFile,
    UnverifiedFile,
    validated,
)

COMPANY: Final = "company.yaml"
"""The name under which the company layer is kept, whatever its file is called."""

_CONTROLLERS: Final = "controllers.yaml"
_PURPOSES: Final = "purposes.yaml"
_RECORDING: Final = "recording.yaml"
_UNVERIFIED: Final = "unverified.yaml"
_RETENTION: Final = "retention.yaml"
_REQUIRED_FILES: Final = (_CONTROLLERS, _PURPOSES, _RECORDING, _UNVERIFIED)
_COUNTRY_FILE: Final = re.compile(r"([A-Z]{2})\.yaml")


def load_policy(directory: Path | None = None, *, company_file: Path | None = None) -> Policy:
    """The policy of a directory, None for the packaged one, as a company tightens it.

    Raises:
        ConfigurationError: see `read_files` and `policy_of`.
    """
    return policy_of(read_files(directory, company_file))


def read_files(directory: Path | None, company_file: Path | None) -> dict[str, str]:
    """The text of every policy file by its name; that of the company layer under `COMPANY`.

    The directory holds `controllers.yaml`, `purposes.yaml`, `recording.yaml`, `unverified.yaml`
    and one file a country, e.g. `FR.yaml`; hidden files and those of other kinds are left alone.
    None is the packaged one. The company layer may lie there too. `retention.yaml` may be missing,
    as it is in directories older than it: the program's own terms hold then (`Retention`).

    Raises:
        ConfigurationError: with every file that cannot be read as a line `file: problem`.
    """
    source = directory or files(__package__) / "packs"
    if not source.is_dir():
        raise ConfigurationError(f"the policy directory {source} does not exist")
    # A mounted ConfigMap keeps its versions in hidden directories beside the files.
    found: dict[str, Traversable] = {
        file.name: file
        for file in source.iterdir()
        if not file.name.startswith(".") and file.name.lower().endswith((".yaml", ".yml"))
    }
    _add_company(found, company_file)
    texts: dict[str, str] = {}
    problems = []
    for name, file in sorted(found.items()):
        try:
            texts[name] = _text(file)
        except _Unreadable as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise _refusal(problems)
    return texts


def _add_company(found: dict[str, Traversable], company_file: Path | None) -> None:
    """Puts the company layer under its name; it may lie in the directory, among the others."""
    same = [name for name, file in found.items() if _is_same(file, company_file)]
    for name in same:
        del found[name]
    if COMPANY in found:
        # Whoever put it there believes it in force.
        raise _refusal([f"{COMPANY}: not the file that the settings name as the company layer"])
    if company_file is not None:
        found[COMPANY] = company_file


def _is_same(file: Traversable, company_file: Path | None) -> bool:
    if company_file is None or not isinstance(file, Path):
        return False
    return company_file.exists() and file.samefile(company_file)


class _Unreadable(Exception):
    """Why a file cannot be read."""


def _text(file: Traversable) -> str:
    try:
        raw = file.read_bytes()
        if len(raw) > MAX_FILE_BYTES:
            raise _Unreadable(f"larger than {MAX_FILE_BYTES} bytes")
        return raw.decode("utf-8")
    except OSError as error:
        raise _Unreadable(f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _Unreadable("not UTF-8 text") from error


def policy_of(files: Mapping[str, str]) -> Policy:
    """The policy that some files state, by name as `read_files` returns them.

    Raises:
        ConfigurationError: with every fault as a line `file:line: key: problem`.
    """
    documents = _parsed(files)
    packs = _checked(documents)
    _refuse_faults(documents)
    if packs is None:
        raise _refusal([])
    rules = with_layer(rules_of(packs), packs.company, documents[COMPANY])
    _refuse_faults(documents)
    return policy_from(packs, rules)


def _parsed(files: Mapping[str, str]) -> dict[str, Document]:
    """The documents by file name; those that must be there always, and the company layer."""
    documents = {}
    for name, text in files.items():
        if name in {*_REQUIRED_FILES, _RETENTION, COMPANY} or _COUNTRY_FILE.fullmatch(name):
            documents[name] = read_document(name, text)
        else:
            documents[name] = Document(name)
            documents[name].report((), "no such policy file; a country's is named like FR.yaml")
    for name in _REQUIRED_FILES:
        if name not in documents:
            documents[name] = Document(name)
            documents[name].report((), "the file is missing")
    documents.setdefault(COMPANY, Document(COMPANY, content={"rules": {}}))
    return documents


def _refuse_faults(documents: Mapping[str, Document]) -> None:
    problems = sorted(problem for document in documents.values() for problem in document.problems)
    if problems:
        raise _refusal(map(str, problems))


def _refusal(problems: Iterable[str]) -> ConfigurationError:
    return ConfigurationError("\n".join(["the policy is refused:", *(f"  {p}" for p in problems)]))


def _checked(documents: Mapping[str, Document]) -> Packs | None:
    """The files as packs; None when one has no usable shape. All faults are reported."""
    by_country = {
        match[1]: document
        for name, document in documents.items()
        if (match := _COUNTRY_FILE.fullmatch(name))
    }
    countries = _checked_countries(by_country)
    controllers = validated(documents[_CONTROLLERS], ControllersFile)
    if controllers is not None:
        check_controllers(controllers, documents[_CONTROLLERS], countries=by_country.keys())
    purposes = validated(documents[_PURPOSES], PurposesFile)
    if purposes is not None:
        check_purposes(purposes, documents[_PURPOSES])
    recording = validated(documents[_RECORDING], RecordingFile)
    if recording is not None:
        check_recording(recording, documents[_RECORDING])
    unverified = validated(documents[_UNVERIFIED], UnverifiedFile)
    if unverified is not None:
        check_unverified(unverified, documents[_UNVERIFIED], countries=countries.values())
    retention = None
    if _RETENTION in documents:
        retention = validated(documents[_RETENTION], RetentionFile)
        if retention is not None:
            check_retention(retention, documents[_RETENTION])
    company = validated(documents[COMPANY], CompanyFile)
    if not (controllers and purposes and recording and unverified and company):
        return None
    return Packs(
        controllers=controllers,
        purposes=purposes,
        recording=recording,
        unverified=unverified,
        countries=countries,
        company=company,
        retention=retention,
    )


def _checked_countries(documents: Mapping[str, Document]) -> dict[str, CountryFile]:
    """The well-formed files of countries, by country."""
    validated_packs = {key: validated(document, CountryFile) for key, document in documents.items()}
    countries = {key: pack for key, pack in validated_packs.items() if pack is not None}
    for key, pack in countries.items():
        check_country(pack, documents[key], country=key)
    check_territories(countries, documents)
    check_registers(countries, documents)
    return countries
