import hashlib

import pytest
from attrs import evolve
from edge.harness import OPTIONS, SECRET, TOKEN

from mix2api.edge.auth import Authenticator, Caller, authorization_of, parse_keys
from mix2api.edge.options import EdgeOptions
from mix2api.errors import AuthenticationFailed, ConfigurationError
from mix2api.sealing import Seal
from mix2api.settings.choices import InboundAuthMode, SessionKeyMode
from mix2api.vocabulary import ClientName, Digest


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


KEYS = parse_keys(
    f"""
    [[keys]]
    id = "a"
    name = "Team A"
    sha256 = "{sha256("key-a")}"
    [[keys]]
    id = "b"
    name = ""
    sha256 = "{sha256("key-b").upper()}"
    """
)
NAMED = evolve(OPTIONS, auth_mode=InboundAuthMode.KEYS, keys=KEYS)


def authenticator(options: EdgeOptions = OPTIONS) -> Authenticator:
    return Authenticator(options, Seal(SECRET))


def caller(options: EdgeOptions, **headers: str) -> Caller:
    given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return authenticator(options).caller(given)


def test_the_shared_token_is_accepted_in_both_headers_and_any_case_of_the_scheme() -> None:
    callers = {
        caller(OPTIONS, authorization=f"Bearer {TOKEN}"),
        caller(OPTIONS, authorization=f"bearer  {TOKEN} "),
        caller(OPTIONS, x_api_key=TOKEN),
        caller(OPTIONS, api_key=TOKEN),
        caller(OPTIONS, x_api_key=TOKEN, api_key="of another server"),
    }
    assert len(callers) == 1


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({b"authorization": b"Basic abc"}, b"Basic abc"),
        ({b"authorization": b"Bearer k", b"x-api-key": b"other"}, b"Bearer k"),
        ({b"authorization": b" ", b"x-api-key": b" k "}, b"Bearer k"),
        ({b"api-key": b"k"}, b"Bearer k"),
        ({}, None),
    ],
)
def test_a_site_is_shown_the_caller_s_key_as_a_bearer(given: dict[bytes, bytes], shown: bytes | None) -> None:
    assert authorization_of(given) == shown


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"authorization": f"Bearer {TOKEN}x"},
        {"x_api_key": ""},
        {"x_api_key": "wrong"},
    ],
)
@pytest.mark.parametrize("options", [OPTIONS, NAMED], ids=["bearer", "keys"])
def test_anything_else_is_refused(options: EdgeOptions, headers: dict[str, str]) -> None:
    with pytest.raises(AuthenticationFailed) as refused:
        caller(options, **headers)
    assert "wrong" not in refused.value.message


def test_an_empty_token_accepts_any_bearer_and_keeps_them_apart() -> None:
    options = evolve(OPTIONS, bearer_token="")
    first, second = (caller(options, authorization=f"Bearer {key}") for key in ("one", "two"))
    assert first.fingerprint != second.fingerprint
    with pytest.raises(AuthenticationFailed):
        caller(options)


def test_each_named_key_is_known_by_its_id() -> None:
    assert caller(NAMED, authorization="Bearer key-a").key_id == "a"
    assert caller(NAMED, x_api_key="key-b").key_id == "b"


def test_without_authentication_a_credential_still_keeps_callers_apart() -> None:
    options = evolve(OPTIONS, auth_mode=InboundAuthMode.NONE)
    assert caller(options) == caller(options)
    assert caller(options) != caller(options, authorization="Bearer x")


def test_the_fingerprint_says_nothing_of_the_credential() -> None:
    found = caller(OPTIONS, authorization=f"Bearer {TOKEN}").fingerprint
    assert TOKEN not in found
    assert sha256(TOKEN)[:8] not in found


def test_options_never_show_their_secrets() -> None:
    shown = repr(evolve(NAMED, bearer_token="hunter2"))
    assert "hunter2" not in shown
    assert sha256("key-a") not in shown


ONE, TWO = Caller(Digest("1" * 32)), Caller(Digest("2" * 32))


def isolation(
    mode: SessionKeyMode,
    who: Caller = ONE,
    model: str = "m",
    client: ClientName = ClientName.CURL,
    key: bytes | None = None,
) -> Digest:
    return authenticator(evolve(OPTIONS, session_key_mode=mode)).isolation(who, model, client, key)


@pytest.mark.parametrize("mode", SessionKeyMode)
def test_no_mode_shares_sessions_between_credentials(mode: SessionKeyMode) -> None:
    assert isolation(mode, ONE) != isolation(mode, TWO)
    assert isolation(mode, ONE, key=b"same") != isolation(mode, TWO, key=b"same")


@pytest.mark.parametrize(
    ("mode", "by_client"),
    [
        (SessionKeyMode.AUTH, False),
        (SessionKeyMode.AUTH_MODEL, False),
        (SessionKeyMode.MODEL, False),
        (SessionKeyMode.AUTH_MODEL_CLIENT, True),
    ],
)
def test_every_mode_separates_by_model_and_one_by_client(mode: SessionKeyMode, *, by_client: bool) -> None:
    assert isolation(mode, model="other") != isolation(mode)
    assert (isolation(mode, client=ClientName.CODEX) != isolation(mode)) is by_client


@pytest.mark.parametrize("mode", SessionKeyMode)
def test_a_session_key_always_adds_to_the_isolation(mode: SessionKeyMode) -> None:
    assert len({isolation(mode, key=key) for key in (None, b"", b"a", b"b")}) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keys = [", "not valid TOML"),
        ("", "at least one"),
        ("keys = []", "at least one"),
        ("keys = 5", "at least one"),
        ("keys = [5]", "entry 1 needs the strings"),
        ('[[keys]]\nid = ""\nname = "x"', "entry 1 needs the strings"),
        ('[[keys]]\nid = "a"', "entry 1 needs the strings"),
        ('[[keys]]\nid = "a"\nname = "x"', "entry 1 needs `sha256`"),
        ('[[keys]]\nid = "a"\nname = "x"\nsha256 = "sk-plain"', "entry 1 needs `sha256`"),
        (f'[[keys]]\nid = "a"\nname = "x"\nsha256 = "{"0" * 64}"\n' * 2, "only once"),
    ],
)
def test_a_wrong_keys_file_is_explained_without_quoting_it(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        parse_keys(text)
    assert said in str(wrong.value)
    assert "sk-plain" not in str(wrong.value)
