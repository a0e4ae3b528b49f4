"""Quadratic assignment: place n facilities on n locations so that flow times distance is least."""

from .assignment import Assignment
from .facilities import Facilities
from .graphs import Graphs, Matching
from .problem import QAP

__all__ = ["QAP", "Assignment", "Facilities", "Graphs", "Matching"]
