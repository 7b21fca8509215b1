"""The rules as YAML: read, validated as a whole and turned into the domain's `Policy`.

`load.load_policy` is the way in. A policy with any fault is refused, with every fault named.
"""
