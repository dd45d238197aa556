"""Graph -> diagrams: DOT and Mermaid text, and pictures where a renderer is there. Nothing here imports a framework."""

from archdsl.backends.diagrams.dot import to_dot
from archdsl.backends.diagrams.options import Options
from archdsl.backends.diagrams.views import views

__all__ = ["Options", "to_dot", "views"]
