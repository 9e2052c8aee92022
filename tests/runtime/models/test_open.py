"""A name becomes a model, or one sentence that says what to do."""

import subprocess
import sys

import pytest
from plait.runtime.models import ModelNotOpened, open_model

from ...conftest import need_module


@pytest.mark.parametrize(("name", "opened"), [("echo", "echo"), ("echo:20", "echo:20"), ("demo", "demo")])
def test_the_models_without_a_vendor_open(name: str, opened: str) -> None:
    assert open_model(name).name == opened


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "no model is called ''; say echo"),
        ("gpt", "no model is called 'gpt'; say echo"),
        ("echo:fast", "echo:fast has no rate; say words per second"),
        ("echo:0", "echo:0 has no rate"),
        ("echo:nan", "echo:nan has no rate"),
        ("demo:x", "demo takes no name"),
    ],
)
def test_a_bad_name_is_refused_in_one_sentence(name: str, sentence: str) -> None:
    """MD1."""
    with pytest.raises(ModelNotOpened, match=sentence):
        open_model(name)


VENDORS = [("openai", "OPENAI"), ("anthropic", "ANTHROPIC")]


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for _, prefix in VENDORS:
        monkeypatch.delenv(f"{prefix}_API_KEY", raising=False)
        monkeypatch.delenv(f"{prefix}_BASE_URL", raising=False)


@pytest.mark.parametrize(("vendor", "prefix"), VENDORS)
async def test_a_vendor_opens_with_a_key_or_with_a_server_of_ones_own(
    vendor: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MD1: a local server wants no key."""
    need_module(vendor)
    monkeypatch.setenv(f"{prefix}_API_KEY", "sk-k\n")
    model = open_model(f"{vendor}:a:b/c")
    assert model.name == f"{vendor}:a:b/c"
    assert model.request("", [], [])["model"] == "a:b/c"
    await model.aclose()
    monkeypatch.delenv(f"{prefix}_API_KEY")
    monkeypatch.setenv(f"{prefix}_BASE_URL", "http://127.0.0.1:1")
    await open_model(f"{vendor}:m").aclose()


@pytest.mark.parametrize(("vendor", "prefix"), VENDORS)
@pytest.mark.parametrize(
    ("key", "url", "sentence"),
    [
        ("", "", "{vendor}:m needs a key: set {prefix}_API_KEY, or {prefix}_BASE_URL"),
        ("sk-\u2026", "", "{prefix}_API_KEY holds characters that no key has"),
        ("sk k", "", "{prefix}_API_KEY holds characters that no key has"),
        ("sk", "localhost:80", "{prefix}_BASE_URL is 'localhost:80' and should begin with http"),
    ],
)
def test_what_is_missing_is_said_when_it_opens(
    vendor: str, prefix: str, key: str, url: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MD1, and MD7: a bad key is not shown either."""
    need_module(vendor)
    monkeypatch.setenv(f"{prefix}_API_KEY", key)
    monkeypatch.setenv(f"{prefix}_BASE_URL", url)
    with pytest.raises(ModelNotOpened, match=sentence.format(vendor=vendor, prefix=prefix)) as raised:
        open_model(f"{vendor}:m")
    assert not key or repr(key) not in str(raised.value)


@pytest.mark.parametrize(("vendor", "prefix"), VENDORS)
def test_a_vendor_without_a_name(vendor: str, prefix: str) -> None:
    need_module(vendor)
    with pytest.raises(ModelNotOpened, match=f"{vendor}: wants a model's name, as in {vendor}:[a-z]+-"):
        open_model(vendor)


@pytest.mark.parametrize(("vendor", "prefix"), VENDORS)
def test_a_missing_extra_is_named(vendor: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """MD1."""
    monkeypatch.setitem(sys.modules, vendor, None)
    monkeypatch.delitem(sys.modules, f"plait.runtime.models.{vendor}", raising=False)
    with pytest.raises(ModelNotOpened, match=rf"run pip install 'plait\[{vendor}\]'"):
        open_model(f"{vendor}:m")


def test_no_sdk_is_imported_before_it_is_asked_for() -> None:
    """MD1: the extras are extras, and an SDK takes a second to import."""
    code = (
        "import sys, plait.runtime.models as m; m.open_model('echo'); print({'openai', 'anthropic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "set()"
