"""Places of mutants: found by name and by what the code says, once, whatever its layout."""

import ast

import pytest
from places import Change, Mismatch, changed, defines_test

CODE = '''
SCRIPT = """
-- a script of Redis
local old = redis.call('GET', KEYS[1])
if old ~= ARGV[1] then return 0 end
"""

class Shelf:
    """Of books."""

    def add(self, book):
        if book in self.books:
            return False
        elif len(self.books) >= self.limit:  # full
            self.drop()
        self.books.append(book)
        return True

    async def tell(self, event):
        match event:
            case Added(), _:
                await self.publish("added")
            case Dropped(), Late():
                self.count += 1
        async with self.turn:
            await self.publish("turn")
            return len(self.books)

def add(book):
    return book
'''


def _changed(within: str, old: str, new: str, code: str = CODE) -> str:
    return changed("shelf.py", code, [Change(within, old, new)])


def _same(found: str, wanted: str) -> bool:
    return ast.dump(ast.parse(found)) == ast.dump(ast.parse(wanted))


@pytest.mark.parametrize(
    ("within", "old", "new", "text", "instead"),
    [
        ("Shelf.add", "book in self.books", "False", "if book in self.books:", "if False:"),
        ("Shelf.add", "len(\n  self . books) >= self.limit", "False", "len(self.books) >= self.limit", "False"),
        ("add", "book", "None", "return book\n", "return None\n"),
        ("Shelf.tell", "'added'", "'dropped'", '"added"', '"dropped"'),
        ("Shelf.add", "self.books.append(book)", "", "self.books.append(book)", "pass"),
        (
            "Shelf.add",
            "self.books.append(book)\nreturn True",
            "return True",
            "self.books.append(book)\n        return True",
            "return True",
        ),
        (
            "Shelf.add",
            "if len(self.books) >= self.limit:",
            "if self.full:",
            "len(self.books) >= self.limit",
            "self.full",
        ),
        ("Shelf.tell", "async with self.turn:", "if True:", "async with self.turn:", "if True:"),
        ("Shelf.tell", "case Dropped(), Late():", "case Dropped(), _:", "Late()", "_"),
        ("SCRIPT", "old~=ARGV [1]", "false", "old ~= ARGV[1]", "false"),
    ],
)
def test_what_is_quoted_is_replaced_and_nothing_else(within: str, old: str, new: str, text: str, instead: str) -> None:
    assert CODE.count(text) == 1
    assert _same(_changed(within, old, new), CODE.replace(text, instead))


def test_layout_and_neighbours_do_not_matter() -> None:
    moved = CODE.replace("class Shelf", "LIMIT = 3\n\n\nclass Shelf").replace(
        "(self.books) >=", "(\n  self.books,\n) >="
    )
    assert _changed("Shelf.add", "len(self.books) >= self.limit", "False", moved).count("elif False:") == 1


@pytest.mark.parametrize(
    ("within", "old", "new", "said"),
    [
        ("Shelf.add", "self.books", "[]", "3 times"),
        ("Shelf.add", "self.books.pop()", "None", "0 times"),
        ("Shelf.remove", "self.books", "[]", "0 definitions"),
        ("Shelf.add", "book in self.books", "(book in self.books)", "changes nothing"),
        ("SCRIPT", "a script of Redis", "", "0 times"),  # comments are no words
    ],
)
def test_whoever_does_not_fit_is_told_why(within: str, old: str, new: str, said: str) -> None:
    with pytest.raises(Mismatch, match=said):
        _changed(within, old, new)


def test_a_script_of_its_own_keeps_its_comments() -> None:
    script = "-- keys\nlocal found = redis.call('GET', KEYS[1])\n"
    found = changed("one.lua", script, [Change("", "redis.call('GET',KEYS[1])", "false")])
    assert found == "-- keys\nlocal found = false\n"


def test_a_test_is_found_by_its_name() -> None:
    text = "class TestIt:\n  async def test_one(self): ...\ndef test_two(): ...\n"
    assert [defines_test(text, name) for name in ("test_one", "test_two", "test_three")] == [True, True, False]
