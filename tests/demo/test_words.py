from mix2api.demo.words import RULES, Takes, Word, directive_help


def test_every_word_has_a_row() -> None:
    assert set(RULES) == set(Word)


def test_choices_stand_exactly_where_a_choice_is_taken() -> None:
    assert all(bool(rule.choices) == (rule.takes in {Takes.CHOICE, Takes.CHOICES}) for rule in RULES.values())


def test_the_help_has_one_line_for_every_word() -> None:
    lines = directive_help().splitlines()
    assert len(lines) == len(Word)
    assert all(f"[[{word}" in line for word, line in zip(RULES, lines, strict=True))
    assert "  [[cut[:body|close]]]  " in directive_help()
