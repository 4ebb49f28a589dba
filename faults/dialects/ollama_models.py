"""What an Ollama server has: ``GET /api/tags``, ``GET /api/version``, ``POST /api/show``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from brownout.faults.dialects._api import Received, whole
from brownout.faults.dialects._ollama_lines import bad
from brownout.faults.dialects.ollama import JSON, Ollama, go_json
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action

__all__ = ["Models", "Show"]

_USUAL = ("llama3.2:latest", "qwen3:latest", "nomic-embed-text:latest")
"""What a backend lists that accepts any model."""
_VERSION = "0.12.6"
_MODIFIED = "2026-01-01T00:00:00Z"


@Ollama.operation
class Models:
    """The list of models, the details of one of them, or the server's version."""

    name: ClassVar[str] = "models"
    method: ClassVar[str] = "GET"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/api/(?P<what>tags|version)$")
    shown: ClassVar[str] = "/api/tags, /api/version"

    def __init__(self, api: Ollama) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        return Ask(self.name, body=received.named)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        if ask.model:
            made = _shown(ask.model)
        elif ask.body.get("what") == "version":
            made = {"version": _VERSION}
        else:
            # Listed names have their tag, even where it is the usual one.
            made = {"models": [_listed(m) for m in self._api.models or _USUAL if ":" in m]}
        return whole(answer, go_json(made), (), JSON)


@Ollama.operation
class Show:
    """The details of a model: an ask for models that names one."""

    name: ClassVar[str] = "show"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(r"/api/show$")
    shown: ClassVar[str] = "/api/show"

    def __init__(self, api: Ollama) -> None:
        self._models = Models(api)

    def parse(self, received: Received) -> Ask | Failure:
        model = received.body.get("model") or received.body.get("name")
        if not isinstance(model, str):
            return bad("model is required")
        return Ask(Models.name, model, body=received.body)

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        return self._models.reply(ask, answer, stamp)


def _details(name: str) -> dict[str, Any]:
    family = re.split(r"[^a-z]", name.rsplit("/", 1)[-1].lower(), maxsplit=1)[0] or "llama"
    return {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": [family],
        "parameter_size": "8.0B",
        "quantization_level": "Q4_K_M",
    }


def _listed(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "model": name,
        "modified_at": _MODIFIED,
        "size": 4_900_000_000,
        "digest": hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest(),
        "details": _details(name),
    }


def _shown(name: str) -> dict[str, Any]:
    details = _details(name)
    return {
        "modelfile": f"FROM {name}\n",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": details,
        "model_info": {"general.architecture": details["family"], f"{details['family']}.context_length": 131072},
        "capabilities": ["embedding"] if "embed" in name else ["completion", "tools", "thinking"],
        "modified_at": _MODIFIED,
    }
