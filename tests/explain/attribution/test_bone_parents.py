import pytest

from posescope.errors import InputError
from posescope.evaluation.diagnosis.skeleton import skeleton_of_file
from posescope.explain.attribution.bone_parents import parents_of


def test_bones_of_coco() -> None:
    skeleton = skeleton_of_file('coco')
    parents = {skeleton.joints[joint]: skeleton.joints[parent] for joint, parent in enumerate(parents_of(skeleton))}
    for side in ('left', 'right'):
        assert parents[f'{side}_wrist'] == f'{side}_elbow'
        assert parents[f'{side}_elbow'] == f'{side}_shoulder'
        assert parents[f'{side}_ankle'] == f'{side}_knee'
        assert parents[f'{side}_knee'] == f'{side}_hip'
        assert parents[f'{side}_hip'] == f'{side}_shoulder'
        assert parents[f'{side}_ear'] == f'{side}_shoulder'


def test_parents_can_be_chosen() -> None:
    skeleton = skeleton_of_file('coco')
    found = parents_of(skeleton, {'nose': 'left_shoulder'})
    assert skeleton.joints[found[0]] == 'left_shoulder'
    assert found[1:] == parents_of(skeleton)[1:]
    with pytest.raises(InputError, match='left_shoulder'):
        parents_of(skeleton, {'nose': 'left_sholder'})
    with pytest.raises(InputError, match='own parent'):
        parents_of(skeleton, {'nose': 'nose'})


@pytest.mark.parametrize('name', ['crowdpose', 'mpii', 'ap10k'])
def test_every_joint_of_other_skeletons_has_a_parent(name: str) -> None:
    skeleton = skeleton_of_file(name)
    linked = {frozenset(map(int, link)) for link in skeleton.metainfo['skeleton_links']}
    assert all({joint, parent} in linked for joint, parent in enumerate(parents_of(skeleton)))


@pytest.mark.parametrize('name', ['coco_wholebody', 'posetrack18', '300w'])
def test_joints_without_links_have_no_parent(name: str) -> None:
    skeleton = skeleton_of_file(name)
    linked = {int(joint) for link in skeleton.metainfo['skeleton_links'] for joint in link}
    parents = parents_of(skeleton)
    without = [joint for joint, parent in enumerate(parents) if parent < 0]
    assert without == [joint for joint in range(len(parents)) if joint not in linked] != []
    assert all(parent in linked for parent in parents if parent >= 0)
    first, second = skeleton.joints[without[0]], skeleton.joints[without[1]]
    assert parents_of(skeleton, {first: second})[without[0]] == without[1]
