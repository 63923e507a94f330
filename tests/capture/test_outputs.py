from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from posescope.capture.outputs import path_name, replaced, tensors_in


class Pair(NamedTuple):
    first: Tensor
    second: Tensor


@dataclass
class Record:
    maps: list[Tensor]
    note: str


def nested() -> tuple[Any, list[Tensor]]:
    tensors = [torch.full((2,), float(i)) for i in range(6)]
    return (
        tensors[0],
        [tensors[1], {'kpts': tensors[2], 3: tensors[3]}],
        'text',
        None,
        Pair(tensors[4], tensors[5]),
    ), tensors


def test_every_tensor_has_a_name() -> None:
    output, tensors = nested()
    names = ['[0]', '[1][0]', '[1][1][kpts]', '[1][1][3]', '[4][0]', '[4][1]']
    found = list(tensors_in(output))
    assert [path_name(path) for path, _ in found] == names
    assert all(one is other for (_, one), other in zip(found, tensors, strict=True))
    assert [path_name(path) for path, _ in tensors_in(tensors[0])] == ['']
    assert [path_name(path) for path, _ in tensors_in([tensors[0]])] == ['[0]']
    assert [path_name(path) for path, _ in tensors_in(Record(tensors[:2], 'a'))] == ['[maps][0]', '[maps][1]']
    assert list(tensors_in('text')) == []


@pytest.mark.parametrize('path', [(0,), (1, 0), (1, 1, 'kpts'), (1, 1, 3), (4, 1)])
def test_one_tensor_is_replaced_and_nothing_else(path: tuple[int | str, ...]) -> None:
    output, tensors = nested()
    new = torch.ones(3)
    changed = replaced(output, lambda at, tensor: new if at == path else tensor)
    before, after = dict(tensors_in(output)), dict(tensors_in(changed))
    assert list(before) == list(after)
    assert all(after[at] is (new if at == path else before[at]) for at in before)
    assert [type(part) for part in changed] == [type(part) for part in output]
    assert all(one is other for one, other in zip(before.values(), tensors, strict=True))  # the old one is untouched
    assert list(changed[1][1]) == ['kpts', 3]


def test_other_containers_keep_their_type() -> None:
    ones, zeros = torch.ones(1), torch.zeros(1)
    ordered = replaced(OrderedDict(a=ones), lambda path, tensor: zeros)
    assert type(ordered) is OrderedDict
    assert ordered['a'] is zeros
    record = replaced(Record([ones], 'note'), lambda path, tensor: zeros)
    assert record == Record([zeros], 'note')
    unchanged = [ones]
    assert replaced(unchanged, lambda path, tensor: tensor) is unchanged
