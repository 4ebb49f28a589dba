"""Chaos and resilience testing for applications built on language models.

The code lives in four folders that form a tower: ``brownout.faults`` (what a backend does when it goes wrong),
``brownout.harness`` (what runs an experiment), ``brownout.suites`` (what must hold) and ``brownout.reports``
(what people are told).
"""

from importlib.metadata import version

__all__ = ["__version__"]
__version__ = version("brownout")
