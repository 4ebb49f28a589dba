"""What the engine writes about a run."""

import pytest

from brownout.harness.engine import masked


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("python app.py --api-key sk-123 --port {port}", "python app.py --api-key *** --port {port}"),
        ("env OPENAI_API_KEY=sk-123 python app.py", "env OPENAI_API_KEY=*** python app.py"),
        ("app --token=abc --verbose", "app --token=*** --verbose"),
        ("app --db-password 'x y'", "app --db-password ***"),
        ("app --secret --verbose", "app --secret --verbose"),
        ("uvicorn shop.main:app --port {port}", "uvicorn shop.main:app --port {port}"),
        ("python -m keyring_app --keepalive 5", "python -m keyring_app --keepalive 5"),
    ],
)
def test_secrets_in_a_command_are_not_shown(command: str, shown: str) -> None:
    assert masked(command) == shown
