"""What all tests of the demo app share."""

from __future__ import annotations

import pytest
from tests.suites.demo.fake_openai import desk, scenario


@pytest.fixture(scope="session", autouse=True)
def warm() -> None:
    """The SDK imports much of itself at the first call, which would count against the first test's deadlines."""

    @scenario
    async def ask() -> None:
        async with desk() as (_, user):
            await user.ask()

    ask()
