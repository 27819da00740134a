from app.drawing.notice import Notice, in_one_line


def test_a_line_shows_for_a_while_and_the_newest_counts() -> None:
    now = 0.0
    notice = Notice(lambda: now)
    assert notice.line == ""
    notice.say("first", 2.0)
    now = 1.0
    notice.say("second", 2.0)
    now = 2.9
    assert notice.line == "second"
    now = 3.0
    assert notice.line == ""


def test_an_error_is_one_line() -> None:
    assert in_one_line(ValueError("\nfirst\nsecond")) == "first"
    assert in_one_line(KeyError()) == "KeyError"
