import pytest
from mmengine.config import Config, config
from yapf.yapflib import yapf_api

from posescope.compat import config_text


def test_a_text_is_laid_out_once_and_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(text: str, **options: object) -> object:
        asked.append(text)
        return yapf_api.FormatCode(text, **options)

    cfg = Config({'model': {'type': 'A', 'sizes': list(range(60))}, 'x': 'y' * 90})
    monkeypatch.setattr(config, 'FormatCode', yapf_api.FormatCode)
    expected = cfg.pretty_text
    monkeypatch.setattr(config, 'FormatCode', counted)
    config_text.remember_layouts()
    config_text.remember_layouts()
    assert [cfg.pretty_text, Config(cfg.to_dict()).pretty_text] == [expected] * 2
    assert len(asked) == 1
    cfg.x = 'z'
    assert "x = 'z'" in cfg.pretty_text
    assert len(asked) == 2
