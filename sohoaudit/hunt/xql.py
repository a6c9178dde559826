"""Writes a hunt in Cortex XQL the way the brief does: names of programs, `os_actor`, event subtypes, `fields`."""

from collections.abc import Mapping
from typing import cast

from .event import FILE, PROCESS, REGISTRY
from .query import ExportError, lint
from .rules import Rule
from .tree import And, Leaf, Node, Not, Or, leaves, simplified, tree_of

_FIELDS = {
    PROCESS: {
        "Image": "action_process_image", "ParentImage": "actor_process_image",
        "OsParentImage": "os_actor_process_image", "CommandLine": "action_process_image_command_line",
        "ParentCommandLine": "actor_process_command_line", "sha256": "action_process_image_sha256",
    },
    REGISTRY: {
        "RegistryKey": "action_registry_key_name", "TargetObject": "action_registry_key_name",
        "Image": "actor_process_image", "Details": "action_registry_data",
    },
    FILE: {"sha256": "action_file_sha256", "TargetFilename": "action_file_path", "Image": "actor_process_image"},
}  # fmt: skip
_PROGRAMS = frozenset({"Image", "ParentImage", "OsParentImage"})
_HEADS = {
    PROCESS: ("dataset = xdr_data", "filter event_type = ENUM.PROCESS and event_sub_type = ENUM.PROCESS_START"),
    REGISTRY: (
        "dataset = xdr_data",
        "filter event_type = ENUM.REGISTRY and (event_sub_type in (ENUM.REGISTRY_CREATE_KEY, ENUM.REGISTRY_SET_VALUE))",
    ),
    FILE: ("dataset = xdr_data", "filter event_type = ENUM.FILE and event_sub_type = ENUM.FILE_WRITE"),
}
_OUTPUT = {
    PROCESS: "_time, agent_hostname, actor_effective_username, actor_process_image_path, "
    "action_process_image_command_line",
    REGISTRY: "_time, agent_hostname, actor_effective_username, actor_process_image_name, action_registry_key_name, "
    "action_registry_data",
    FILE: "_time, agent_hostname, actor_effective_username, actor_process_image_path, action_file_path, "
    "action_file_sha256",
}


def write(rule: Rule) -> str:
    """The query of one rule.

    Raises:
        ExportError: XQL has no place for what the rule asks.
    """
    if rule.source not in _FIELDS:
        raise ExportError(f"events of the kind {rule.source} have no place there")
    own = cast(Mapping[str, object], rule.sigma.custom_attributes.get("xql") or {})
    head = cast("list[str]", own.get("head", _HEADS[rule.source]))
    references = rule.sigma.references or []
    lines = [f"// {rule.title}", *(f"// reference: {reference}" for reference in references)]
    lines += ["config case_sensitive = false", *(f"| {line}" for line in head)]
    lines += [f"| filter {condition_of(rule)}", f"| fields {own.get('fields', _OUTPUT[rule.source])}"]
    text = "\n".join(lines)
    literals = [text.strip("\\*").split("*")[0] for leaf in leaves(tree_of(rule)) for text in leaf.texts]
    known = [literal for literal in literals if literal not in ("CreateKey", "SetValue") and "\\\\" not in literal]
    if fault := lint(text, known, ("case_sensitive = false",)):
        raise ExportError(f"the query would be wrong: {fault}")
    return text


def condition_of(rule: Rule) -> str:
    """The condition alone, the kind of registry or file event left to the head."""
    fields = _FIELDS[rule.source]
    node = simplified(_without_kind(tree_of(rule)), set(fields), frozenset({"OriginalFileName", "ParentGuessed"}))
    return _written(_one_parent(node), fields, False)


def _without_kind(node: Node) -> Node:
    if isinstance(node, And):
        kept = tuple(part for part in node.parts if not (isinstance(part, Leaf) and part.field == "EventType"))
        return kept[0] if len(kept) == 1 else And(tuple(map(_without_kind, kept)))
    return node


def _one_parent(node: Node) -> Node:
    """`os_actor` alone where both parents are asked for the same: it is what Sigma's ParentImage means there."""
    if isinstance(node, Or) and len(node.parts) == 2:
        first, second = node.parts
        if isinstance(first, Leaf) and isinstance(second, Leaf) and first.texts == second.texts:
            fields = {first.field: first, second.field: second}
            if set(fields) == {"ParentImage", "OsParentImage"} and first.kind == second.kind:
                return fields["OsParentImage"]
    if isinstance(node, (And, Or)):
        return type(node)(tuple(map(_one_parent, node.parts)))
    return node


def _written(node: Node, fields: Mapping[str, str], is_inner: bool) -> str:
    if isinstance(node, Leaf):
        return _leaf(node, fields)
    if isinstance(node, Not):
        return f"not ({_written(node.part, fields, False)})"
    word = " and " if isinstance(node, And) else " or "
    text = word.join(_written(part, fields, True) for part in node.parts)
    return f"({text})" if is_inner else text


def _leaf(leaf: Leaf, fields: Mapping[str, str]) -> str:
    if leaf.field not in fields:
        raise ExportError(f"the field {leaf.field} has no place there")
    name = fields[leaf.field]
    if leaf.field in _PROGRAMS:
        return _program(leaf, name)
    if leaf.kind == "null":
        return f"{name} = null"
    if leaf.kind == "equal":
        return _listed(name, leaf.texts)
    if leaf.kind == "pattern":
        doubled = leaf.texts[0].replace("\\", "\\\\")
        return f'{name} contains """{doubled}"""'
    if leaf.kind == "part":
        parts = [f"{name} contains {_quoted(text)}" for text in leaf.texts]
        return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"
    raise ExportError(f"the comparison of {leaf.field} has no place there")


def _program(leaf: Leaf, name: str) -> str:
    """A program's name is a field of its own there, so `ends with \\x.exe` is an equality."""
    if leaf.kind == "null":
        return f"{name}_name = null"
    names = tuple(text.lstrip("\\") for text in leaf.texts)
    if leaf.kind == "end" and all(text.startswith("\\") and "\\" not in text[1:] for text in leaf.texts):
        return _listed(f"{name}_name", names)
    if leaf.kind == "beginning":
        parts = [f"{name}_path contains {_quoted(text)}" for text in leaf.texts]
        return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"
    raise ExportError(f"the comparison of {leaf.field} has no place there")


def _listed(name: str, texts: tuple[str, ...]) -> str:
    if len(texts) == 1:
        return f"{name} = {_quoted(texts[0])}"
    return f"{name} in ({','.join(map(_quoted, texts))})"


def _quoted(text: str) -> str:
    """A text between quotes; one that ends in a backslash would swallow the closing quote."""
    if '"' in text or text.endswith("\\"):
        doubled = text.replace("\\", "\\\\")
        return f'"""{doubled}"""'
    return f'"{text}"'
