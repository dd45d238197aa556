"""New specs, created from a template, from another spec, or for a data set, and new packages with ops."""

from archdsl.drafts.drafting import STARTER, Draft, from_spec, from_template, op_package, templates
from archdsl.drafts.for_data import for_data

__all__ = ["STARTER", "Draft", "for_data", "from_spec", "from_template", "op_package", "templates"]
