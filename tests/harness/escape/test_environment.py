"""The environment in which the app is tested."""

from brownout.harness.escape.environment import DUMMY_KEY, app_environment

PROXY = "http://127.0.0.1:9"


def test_every_proxy_variable_leads_to_ours() -> None:
    theirs = {"HTTP_PROXY": "http://corp", "https_proxy": "http://corp", "NO_PROXY": "*", "grpc_proxy": "http://corp"}
    env = app_environment(theirs | {"PATH": "/bin", "TRUST_PROXY": "1"}, {}, PROXY)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        assert env[name] == env[name.upper()] == PROXY
    assert env["no_proxy"] == env["NO_PROXY"] == "localhost,127.0.0.1,::1"
    assert env["NODE_USE_ENV_PROXY"] == "1"
    assert "http://corp" not in env.values()
    assert (env["PATH"], env["TRUST_PROXY"]) == ("/bin", "1")


def test_without_a_proxy_there_is_none() -> None:
    env = app_environment({"HTTPS_PROXY": "http://corp", "no_proxy": "*"}, {}, None)
    assert not [name for name in env if "proxy" in name.lower()]


def test_what_the_app_sets_itself_counts_in_both_cases() -> None:
    env = app_environment({}, {"HTTPS_PROXY": "http://mine", "no_proxy": "db.internal"}, PROXY)
    assert env["HTTPS_PROXY"] == "http://mine"
    assert "https_proxy" not in env, "most clients would prefer it to the one that was asked for"
    assert (env["no_proxy"], "NO_PROXY" in env, env["http_proxy"]) == ("db.internal", False, PROXY)


def test_real_keys_become_dummies() -> None:
    real = {"OPENAI_API_KEY": "sk-real", "HF_TOKEN": "hf-real", "AZURE_OPENAI_API_KEY": "real", "DATABASE_KEY": "kept"}
    env = app_environment(real, {}, PROXY)
    assert [env[name] for name in real] == [DUMMY_KEY, DUMMY_KEY, DUMMY_KEY, "kept"]


def test_a_key_is_there_before_a_env_file_is_read_unless_its_presence_changes_the_app() -> None:
    env = app_environment({}, {}, PROXY)
    assert env["OPENAI_API_KEY"] == env["ANTHROPIC_API_KEY"] == env["CO_API_KEY"] == DUMMY_KEY
    assert "AZURE_OPENAI_API_KEY" not in env
    assert "HF_TOKEN" not in env


def test_a_key_that_the_app_sets_explicitly_is_its_own() -> None:
    env = app_environment({"OPENAI_API_KEY": "sk-real"}, {"OPENAI_API_KEY": "sk-mine", "XAI_API_KEY": ""}, PROXY)
    assert (env["OPENAI_API_KEY"], env["XAI_API_KEY"]) == ("sk-mine", "")
