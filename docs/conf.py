"""How the documentation is built: Sphinx with MyST and furo, every reference checked (`make docs`)."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version as version_of
from typing import TYPE_CHECKING

import stagegate

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "stagegate"
author = "The stagegate authors"
copyright = author  # noqa: A001  Sphinx reads it under this name
release = version = version_of("stagegate")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["build", "_build"]
nitpicky = True

html_theme = "furo"
html_title = f"stagegate {release}"

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

# Docstrings: "Args:", "Attributes:", "Returns:", "Raises:", and single backticks for code, as in Markdown.
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# The signature above the list has the types.
napoleon_attr_annotations = False
autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True, "member-order": "bysource", "undoc-members": False}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"

# Nothing is looked up over the network, so names of the standard library and of our dependencies stay plain text.
# Names of stagegate have to resolve.
foreign = "|".join(
    sorted(
        re.escape(name)
        for name in (*sys.stdlib_module_names, "attr", "attrs", "cattrs", "click", "pluggy", "transitions")
    )
)
nitpick_ignore_regex = [("py:.*", rf"(?:{foreign})(?:\..+)?")]


# Private names that may stand in public signatures: what they are is said beside them, and nobody imports them. Any
# other private name in a signature is a mistake, and stops the build.
BEHIND = {
    "ActorRequirement",
    "ApprovalRequirement",
    "NoticeRequirement",
    "ParentRequirement",
    "PartsRequirement",
    "TrackRequirement",
    "Check",
    "DocumentRequirement",
    "FactRequirement",
    "PartiesRequirement",
    "Plan",
    "Plugins",
    "Predicate",
    "Ref",
    "T",
    "Unguarded",
    "_Unit",
    "frozendict",
}


def public_name(
    app: Sphinx,
    env: BuildEnvironment,
    node: pending_xref,
    contnode: nodes.TextElement,
) -> nodes.reference | nodes.TextElement | None:
    """Lead `stagegate._room.Name` to `stagegate.Name`, where the face shows it and its page documents it."""
    target = str(node.get("reftarget", ""))
    name = target.rpartition(".")[2]
    private = target.startswith("stagegate._")
    if private and name in BEHIND:
        return contnode
    if node.get("refdomain") != "py" or name not in stagegate.__all__ or not (private or name == target):
        return None
    python = env.domains["py"]
    return python.resolve_xref(env, node["refdoc"], app.builder, "obj", f"stagegate.{name}", node, contnode)


def field_is_listed(
    _app: Sphinx,
    _what: str,
    _name: str,
    member: object,
    _skip: bool,  # noqa: FBT001  the signature is Sphinx's
    _options: object,
) -> bool | None:
    """Leave out the fields of a value: its docstring lists them, each with what it is."""
    # What autodoc hands over in the place of a slot is private to it, but it says what it is.
    return True if repr(member) == "SLOTS_ATTR" else None


def setup(app: Sphinx) -> None:
    """Tell Sphinx about the functions above."""
    app.connect("missing-reference", public_name)
    app.connect("autodoc-skip-member", field_is_listed)
