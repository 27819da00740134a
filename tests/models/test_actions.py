from models.actions import Action


def test_a_chord_is_its_buttons() -> None:
    assert Action.RIGHT_JUMP.buttons == {"right", "jump"}
    assert Action.NOOP.buttons == frozenset()
    assert {Action(action.value) for action in Action} == set(Action)
