"""Graph -> diagrams: DOT and Mermaid text, and pictures if a renderer is installed. Imports no framework."""

from archdsl.diagrams.dot import to_dot
from archdsl.diagrams.options import Options
from archdsl.diagrams.views import views

__all__ = ["Options", "to_dot", "views"]
