"""A name becomes a model, or one sentence that says what to do."""

import pytest
from plait.runtime.models import ModelNotOpened, open_model


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
