"""The file of several upstreams: what it says, and the error of each wrong field."""

import pytest

from mix2api.errors import ConfigurationError
from mix2api.upstreams.listed import LIMITS, ListedKind, ListedUpstream, read_upstreams

ONE = '[[upstreams]]\nname = "one"\nprefix = "one/"\nkind = "mix"\nbase_url = "https://one.example/"\n'


def test_a_table_is_read_field_by_field() -> None:
    limits = "\n".join(f"{name} = 7" for name in LIMITS)
    more = f'strip_prefix = true\ncredential = "env:ONE"\nmodels = ["one/a"]\nmax_concurrency = 3\n{limits}\n'
    (upstream,) = read_upstreams(ONE + more, "f.toml")
    assert upstream == ListedUpstream(
        name="one",
        prefix="one/",
        kind=ListedKind.MIX,
        base_url="https://one.example",
        strips_prefix=True,
        credential="env:ONE",
        models=("one/a",),
        max_concurrency=3,
        limits=dict.fromkeys(LIMITS, 7),
    )


def test_what_a_table_leaves_out_has_a_default() -> None:
    (upstream,) = read_upstreams(ONE, "f.toml")
    assert (upstream.credential, upstream.accounts_file, upstream.models, upstream.limits) == (
        None,
        None,
        (),
        {},
    )
    assert (upstream.strips_prefix, upstream.max_concurrency) == (False, None)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ('name = "Two"', "name"),
        ('prefix = "a b"', "prefix"),
        ("prefix = 3", "prefix"),
        ('kind = "other"', "kind"),
        ('kind = ["mix"]', "kind"),
        ('kind = "opencode"\naccounts_file = "a.toml"', "accounts_file"),
        ('accounts_file = "a\\u0000"', "accounts_file"),
        ('base_url = "one.example"', "base_url"),
        ('command = ["opencode"]', "command"),
        ('kind = "opencode"\ncommand = ["opencode"]\nbase_url = "https://x.example"', "command"),
        ("strip_prefix = 1", "strip_prefix"),
        ('credential = "sk-planted"', "credential"),
        ('credential = "env:X"\naccounts_file = "a.toml"', "credential"),
        ('accounts_file = ""', "accounts_file"),
        ("models = []", "models"),
        ('models = ["other/a"]', "models"),
        (f'models = ["one/{"a" * 256}"]', "models"),
        ("max_concurrency = 0", "max_concurrency"),
        ("connect_timeout_ms = 0", "connect_timeout_ms"),
        ("total_timeout_ms = true", "total_timeout_ms"),
        ("retry_count = 101", "retry_count"),
        ('speed = "fast"', "speed"),
    ],
)
def test_a_wrong_field_is_named_with_its_file_and_table_and_its_value_is_not(said: str, field: str) -> None:
    names = {line.partition(" ")[0] for line in said.splitlines()}
    kept = "\n".join(line for line in ONE.splitlines() if line.partition(" ")[0] not in names)
    with pytest.raises(ConfigurationError) as caught:
        read_upstreams(f"{kept}\n{said}\n", "f.toml")
    assert str(caught.value).startswith("f.toml: upstream 1")
    assert f": {field}: " in str(caught.value)
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("field", ["name", "prefix", "kind", "base_url"])
def test_a_missing_field_is_named(field: str) -> None:
    kept = "\n".join(line for line in ONE.splitlines() if not line.startswith(field))
    with pytest.raises(ConfigurationError, match=f"{field}: missing"):
        read_upstreams(kept, "f.toml")


@pytest.mark.parametrize("field", ["name", "prefix"])
def test_two_upstreams_cannot_share_a_name_or_a_prefix(field: str) -> None:
    other = ONE.replace('"one"', '"two"') if field == "prefix" else ONE.replace('"one/"', '"two/"')
    with pytest.raises(
        ConfigurationError, match=rf"f.toml: upstream 2 \(\w+\): {field}: another upstream has it"
    ):
        read_upstreams(ONE + other, "f.toml")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[upstreams]", "not TOML"),
        ("", "must hold"),
        ("upstreams = []", "must hold"),
        ("upstreams = [3]", "upstream 1: must be a table"),
        (ONE + "[other]\n", "must hold"),
        (ONE * 101, "more than 100"),
    ],
)
def test_a_file_of_another_form_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        read_upstreams(text, "f.toml")


def test_a_runtime_has_an_address_or_a_command_that_starts_it() -> None:
    address = 'base_url = "https://one.example/"'
    assert address in ONE
    runtime = ONE.replace('"mix"', '"opencode"')
    (started,) = read_upstreams(runtime.replace(address, 'command = ["opencode", "serve"]'), "f.toml")
    assert (started.base_url, started.command) == (None, ("opencode", "serve"))
    for wrong, field in (("command = []", "command: must be"), ("", "base_url: missing")):
        with pytest.raises(ConfigurationError, match=rf"f.toml: upstream 1 \(one\): {field}"):
            read_upstreams(runtime.replace(address, wrong), "f.toml")


def test_a_second_runtime_is_refused_by_its_name() -> None:
    runtime = ONE.replace('"mix"', '"opencode"')
    other = runtime.replace('"one"', '"two"').replace('"one/"', '"two/"')
    assert [one.kind for one in read_upstreams(runtime, "f.toml")] == [ListedKind.OPENCODE]
    with pytest.raises(ConfigurationError, match=r"f.toml: upstream 2 \(two\): kind: only one upstream"):
        read_upstreams(runtime + other, "f.toml")
