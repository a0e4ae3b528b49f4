"""Quadratic assignment: place n facilities on n locations so that flow times distance is least."""

from .problem import QAP

__all__ = ["QAP"]
