"""Answer rules as their owner writes them: what is accepted, and what a mistake is told."""

import math
import pickle
from typing import Any

import pytest

from brownout.faults.model.spec import AnswerRule, BackendSpec, ScriptedTool
from brownout.faults.plans.document import Document
from brownout.faults.values.errors import ConfigError


def read(text: str) -> tuple[AnswerRule, ...]:
    return Document.parse(text).validate(BackendSpec).answers


def test_every_kind_as_it_is_written() -> None:
    rules = read("""
answers:
  - text: "Hello {prompt}"
  - json: {summary: "{watermark}", tags: [a, {deep: "{watermark}"}], n: 3}
    schema: Summary*
    sentences: 2
  - tools: [{name: search, arguments: {query: "{prompt}"}}, {name: any}]
    nth: 1
  - {one_of: ["yes", "no"], prompt: "(?i)polite"}
  - {vector: [0.5, -1, 1e3], prompt: refund, endpoint: embeddings}
  - {refusal: "", model: "gpt-*", endpoint: responses}
""")
    assert rules == (
        AnswerRule("Hello {prompt}"),
        AnswerRule(
            json={"summary": "{watermark}", "tags": ["a", {"deep": "{watermark}"}], "n": 3},
            schema="Summary*",
            sentences=2,
        ),
        AnswerRule(tools=(ScriptedTool("search", {"query": "{prompt}"}), ScriptedTool("any")), nth=1),
        AnswerRule(one_of=("yes", "no"), prompt="(?i)polite"),
        AnswerRule(vector=(0.5, -1.0, 1000.0), prompt="refund", endpoint="embeddings"),
        AnswerRule(refusal="", model="gpt-*", endpoint="responses"),
    )
    assert pickle.loads(pickle.dumps(rules)) == rules, "they go to the backend's process"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{model: gpt-4o}", "this one says nothing"),
        ("{text: a, json: {b: 1}}", "this one says text and json"),
        ("{json: }", "this one says nothing"),
        ('{text: "{watermark} {watermark}"}', "may stand once"),
        ('{refusal: "{watermark} {watermark}"}', "may stand once"),
        ('{json: [{a: "{watermark}{watermark}"}]}', "may stand once"),
        ('{tools: [{name: a, arguments: {b: "{watermark}{watermark}"}}]}', "may stand once"),
        ("{text: a, prompt: '('}", "not a regular expression"),
        ("{text: a, nth: 0}", "greater than or equal to 1"),
        ("{one_of: []}", "one_of is empty"),
        ("{tools: []}", "tools is empty"),
        ("{vector: []}", "vector is empty"),
        ("{vector: [.nan]}", "not a number"),
        ("{vector: [true]}", "not a number"),
        ("{one_of: [yes, no]}", "a label is a text, not true or false; write it in quotes"),
        ("{one_of: [1]}", "a label is a text, not 1; write it in quotes"),
        ("{json: {day: 2027-01-01}}", "json holds what JSON cannot say"),
        ("{json: [.inf]}", "json holds what JSON cannot say"),
        ("{tools: [{name: a, arguments: {b: .nan}}]}", "arguments holds what JSON cannot say"),
        ("{tools: [{name: ''}]}", "a tool has a name"),
        ("{tools: [{nam: a}]}", "unknown key 'nam'"),
        ("{tools: [{name: a, arguments: [1]}]}", "expected a mapping"),
        ("{vector: [1], endpoint: chat}", "answers the endpoint embeddings, not chat"),
        ("{text: a, endpoint: embeddings}", "the endpoint embeddings is not answered with text"),
        ("{one_of: [a], endpoint: models}", "the endpoint models is not answered with one_of"),
        ("{text: a, sentences: 2}", "sentences says how long {watermark} becomes, and there is none"),
        ("{tools: [{name: a}], sentences: 2}", "there is none"),
    ],
)
def test_a_mistake_is_told(rule: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(f"answers: [{rule}]")
    assert message in str(caught.value)
    assert "answers[0]" in str(caught.value)


@pytest.mark.parametrize(
    "wrong", [{"vector": (math.nan,)}, {"vector": (math.inf,)}, {"text": "a", "nth": 0}, {"text": "a", "nth": -1}]
)
def test_mistakes_in_python_are_told_as_well(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"finite|nth counts from 1"):
        AnswerRule(**wrong)
