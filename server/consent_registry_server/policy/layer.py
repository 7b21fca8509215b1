"""The company layer: the rules of the countries, made stricter and never looser."""

from __future__ import annotations

from collections.abc import Sequence

from consent_registry_server.domain.policy import Rule
from consent_registry_server.policy.document import Document
from consent_registry_server.policy.schema import CompanyFile
from consent_registry_server.policy.stricter import NotStricter, stricter


def with_layer(rules: Sequence[Rule], layer: CompanyFile, document: Document) -> list[Rule]:
    """The rules, those that the layer names tightened by it.

    A rule that it would loosen stays as it is, and the fault is reported into the layer's document.
    """
    known = {rule.rule_id for rule in rules}
    for key in layer.rules.keys() - known:
        document.report(("rules", key), "no rule has this id")
    tightened = [_tightened(rule, layer, document) for rule in rules]
    _check_registers(rules, tightened, document)
    return tightened


def _tightened(rule: Rule, layer: CompanyFile, document: Document) -> Rule:
    stated = layer.rules.get(rule.rule_id)
    if stated is None:
        return rule
    try:
        return stricter(rule, stated)
    except NotStricter as error:
        for key, why in error.faults:
            document.report(("rules", rule.rule_id, *key), why)
        return rule


def _check_registers(rules: Sequence[Rule], tightened: Sequence[Rule], document: Document) -> None:
    """A register that a company adds is no other country's: the day of a scrub is its country's."""
    owners = {rule.register.name: rule.country for rule in rules if rule.register}
    for rule in sorted(tightened, key=lambda rule: rule.rule_id):
        owner = owners.setdefault(rule.register.name, rule.country) if rule.register else None
        if owner not in {None, rule.country}:
            path = ("rules", rule.rule_id, "register", "name")
            document.report(path, f"a register of {owner} already")
