"""Graph -> diagrams: DOT and Mermaid text, and pictures where a renderer is there. Nothing here imports a framework."""

from archdsl.diagrams.dot import to_dot
from archdsl.diagrams.options import Options
from archdsl.diagrams.views import views

__all__ = ["Options", "to_dot", "views"]
