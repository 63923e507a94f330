import pytest
from torch import nn

from posescope.capture.attention.readers import Reader, known_classes, reader_of, register_reader, registry
from posescope.errors import InputError


class Attention(nn.MultiheadAttention):
    pass


class OtherAttention(nn.MultiheadAttention):
    def forward(self, query):
        return super().forward(query, query, query)


class Made(Reader):
    def parts(self, module):
        return ()

    def read(self, name, module, seen):
        raise NotImplementedError


def test_subclasses_are_read_like_their_parents_unless_they_attend_themselves() -> None:
    assert type(reader_of(Attention(4, 2))).__name__ == 'TorchReader'
    assert reader_of(OtherAttention(4, 2)) is None
    assert reader_of(nn.Linear(4, 2)) is None


def test_a_reader_of_ones_own(monkeypatch) -> None:
    monkeypatch.setattr(registry, '_READERS', dict(registry._READERS))

    @register_reader
    class Mine(Made):
        classes = (f'{__name__}.OtherAttention',)

    assert isinstance(reader_of(OtherAttention(4, 2)), Mine)
    assert f'{__name__}.OtherAttention' in known_classes()


def test_readers_must_name_a_class_that_nobody_reads() -> None:
    with pytest.raises(InputError, match='classes is empty'):
        register_reader(Made)
    with pytest.raises(InputError, match='already read by TorchReader'):
        register_reader(type('Second', (Made,), {'classes': ('torch.nn.modules.activation.MultiheadAttention',)}))
