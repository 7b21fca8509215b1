"""Names that fit, and that no other release has."""

from __future__ import annotations

import re
from typing import Any

import pytest
from helm_python import HelmError

from tests.charts.cases import EVERYTHING, MINIMAL
from tests.charts.joints import selects
from tests.charts.rendering import Release, merged, render

# RFC 1123's label, as Services have it; a CronJob's Jobs get eleven characters more.
LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LONGEST = {"CronJob": 52, "Cluster": 50}
# Helm's own bound.
LONG = "r" * 53

NAMES: list[tuple[str, dict[str, Any]]] = [
    ("registry", {}),
    ("r", {}),
    (LONG, {}),
    (f"{'r' * 36}-consent-registry", {}),
    ("registry", {"nameOverride": "n" * 40}),
    ("registry", {"fullnameOverride": "f" * 40}),
    ("registry.fr", {}),
    # Whatever is cut, no name may end in a hyphen.
    *((f"{'r' * length}-{'s' * (52 - length)}", {}) for length in range(20, 44)),
]


@pytest.mark.parametrize("name, values", NAMES, ids=str)
def test_names_and_labels_are_valid_however_long_the_release_s_is(
    name: str, values: dict[str, Any]
) -> None:
    release = render({**EVERYTHING, **values}, name=name)
    for each in release.manifests:
        metadata = each["metadata"]
        assert LABEL.fullmatch(metadata["name"]), metadata["name"]
        assert len(metadata["name"]) <= LONGEST.get(each["kind"], 63), metadata["name"]
        assert all(len(value) <= 63 for value in metadata["labels"].values())
    for pod in release.pods():
        assert all(len(value) <= 63 for value in pod.labels.values())


@pytest.mark.parametrize(
    "first, second",
    [
        ("first", "second"),
        ("consent-registry", "consent-registry-staging"),
        (LONG, LONG[:-1] + "s"),
        (f"consent-registry-{'r' * 35}", f"consent-registry-{'r' * 34}s"),
    ],
)
def test_two_releases_in_one_namespace_share_nothing(first: str, second: str) -> None:
    one, other = (render(EVERYTHING, name=name) for name in (first, second))
    assert not _names(one) & _names(other)
    for selector in _selectors(one):
        assert not [pod.owner for pod in other.pods() if selects(selector, pod.labels)]


def test_a_release_whose_name_begins_with_a_digit_is_given_another() -> None:
    """Helm takes it, a Service does not."""
    with pytest.raises(HelmError, match="fullnameOverride"):
        render(MINIMAL, name="1st")
    assert render({**MINIMAL, "fullnameOverride": "first"}, name="1st").manifests


def test_a_name_given_by_the_operator_is_the_name() -> None:
    release = render({**EVERYTHING, "fullnameOverride": "consent"})
    assert all(str(each["metadata"]["name"]).startswith("consent") for each in _own(release))


def test_no_two_manifests_of_a_kind_have_one_name() -> None:
    release = render(EVERYTHING)
    names = [(each["kind"], each["metadata"]["name"]) for each in release.manifests]
    assert len(names) == len(set(names))


def _own(release: Release) -> list[dict[str, Any]]:
    """All but what is named as an operator says."""
    return [each for each in release.manifests if each["kind"] != "ExternalSecret"]


def _names(release: Release) -> set[tuple[str, str]]:
    return {(each["kind"], each["metadata"]["name"]) for each in _own(release)}


def _selectors(release: Release) -> list[dict[str, Any]]:
    found = [
        *(each["spec"]["selector"] for each in release.all("Deployment")),
        *(each["spec"]["selector"] for each in release.all("PodDisruptionBudget")),
        *(each["spec"]["podSelector"] for each in release.all("NetworkPolicy")),
        *({"matchLabels": each["spec"]["selector"]} for each in release.all("Service")),
    ]
    assert found
    assert all(found), "a selector that takes everything"
    return found


@pytest.mark.parametrize("tag", ["a" * 62 + ".b", "_x", "1.0-"])
def test_the_version_label_is_one_whatever_the_tag(tag: str) -> None:
    """A label begins and ends with a letter or a digit; a tag need not."""
    manifests = render(merged(MINIMAL, {"image": {"tag": tag}})).manifests
    versions = {each["metadata"]["labels"]["app.kubernetes.io/version"] for each in manifests}

    assert all(re.fullmatch(r"[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?", each) for each in versions)
