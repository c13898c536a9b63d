"""What is said in which language: labels, the library's sentences, and their catalogs."""

from __future__ import annotations

import gettext
import importlib.util
import pickle
import shutil
import string
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.pofile import read_po

import stagegate
from stagegate import DefinitionError, Label, Unmet, translate
from stagegate._sentences import SENTENCES
from stagegate._text import as_label, frozendict, languages

LOCALE = Path(stagegate.__file__).parent / "locale"
SCRIPT = Path(__file__).parents[2] / "scripts" / "catalogs.py"
TRANSLATED = ("id", "ja")


def places(sentence: str) -> list[str]:
    """Return the {places} of a sentence, in alphabetical order."""
    return sorted(place for _, place, _, _ in string.Formatter().parse(sentence) if place is not None)


def translations(language: str) -> dict[str, str]:
    """Return what the .po file of a language says."""
    with (LOCALE / language / "LC_MESSAGES" / "stagegate.po").open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file) if message.id}


@pytest.fixture
def catalogs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the script, at work on a copy of the catalogs."""
    spec = importlib.util.spec_from_file_location("catalogs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "LOCALE", shutil.copytree(LOCALE, tmp_path / "locale"))
    return module


class TestLabel:
    """A name in several languages."""

    LABEL = Label({"en": "Council", "id": "DPRD"})

    @pytest.mark.parametrize(
        "lang, said", [("en", "Council"), ("id", "DPRD"), ("id-ID", "DPRD"), ("ja", "Council"), ("", "Council")]
    )
    def test_speaks_the_nearest(self, lang: str, said: str) -> None:
        """It answers in the language asked for, in its main language, or in English."""
        assert said == self.LABEL.text(lang)

    def test_without_english(self) -> None:
        """Where there is no English either, it answers with what there is."""
        assert "議会" == Label({"ja": "議会"}).text("id")

    def test_empty(self) -> None:
        """A label without a name says nothing."""
        assert "" == Label().text("id")

    def test_bare_text_is_english(self) -> None:
        """A text alone is a label in English, and nothing is an empty one."""
        assert (Label({"en": "Council"}), Label()) == (as_label("Council"), as_label(None))

    def test_is_taken_as_it_is(self) -> None:
        """What is a label already stays the same."""
        assert as_label(self.LABEL) is self.LABEL

    def test_order_of_languages_is_no_difference(self) -> None:
        """Two labels that say the same are written alike, whatever the order."""
        one, other = as_label({"id": "DPRD", "en": "Council"}), as_label({"en": "Council", "id": "DPRD"})

        assert list(one) == list(other)

    def test_names_every_fault(self) -> None:
        """An unknown language and an empty name are both named."""
        with pytest.raises(DefinitionError) as refused:
            as_label({"xx": "?", "en": " ", "id": "DPRD"})

        assert ["xx", "en"] == [path for path, _ in refused.value.faults]

    @pytest.mark.parametrize("value", [7, ["Council"], {3: "Council"}, {"en": 7}])
    def test_is_text(self, value: object) -> None:
        """A label that is no text is refused."""
        with pytest.raises(DefinitionError):
            as_label(value)  # type: ignore[arg-type]

    def test_survives_pickling(self) -> None:
        """A label comes back as a label."""
        back = pickle.loads(pickle.dumps(self.LABEL))

        assert (Label, self.LABEL) == (type(back), back)

    def test_languages_are_those_of_the_library_too(self) -> None:
        """The languages that the library speaks are known ones."""
        assert {"en", *TRANSLATED} <= languages()


class TestFrozendict:
    """A table that cannot be changed."""

    @pytest.mark.parametrize(
        "name", ["clear", "pop", "popitem", "setdefault", "update", "__setitem__", "__delitem__", "__ior__"]
    )
    def test_refuses_every_change(self, name: str) -> None:
        """Every method that would change it says that it is frozen."""
        with pytest.raises(TypeError, match="frozen"):
            getattr(frozendict(a=1), name)()

    def test_hashes_by_content(self) -> None:
        """Two tables with the same content have one hash, whatever the order."""
        assert hash(frozendict(a=1, b=2)) == hash(frozendict(b=2, a=1))

    def test_survives_pickling(self) -> None:
        """A table comes back frozen."""
        back = pickle.loads(pickle.dumps(frozendict(a=1)))

        assert (frozendict, {"a": 1}) == (type(back), back)


class TestTranslations:
    """Every sentence in every language the library speaks."""

    @pytest.mark.parametrize("language", TRANSLATED)
    @pytest.mark.parametrize("code", SENTENCES)
    def test_every_sentence(self, code: str, language: str) -> None:
        """A sentence has a translation of its own, with the same places."""
        sentence = SENTENCES[code]
        said = translate(sentence, language)

        assert places(sentence) == places(said)
        assert said != sentence or sentence == "{reason}"

    @pytest.mark.parametrize("language", TRANSLATED)
    def test_nothing_else(self, language: str) -> None:
        """The file of a language translates what is said, and nothing that is not said any more."""
        assert set(SENTENCES.values()) == set(translations(language))

    @pytest.mark.parametrize("language", TRANSLATED)
    def test_compiled_file_says_what_the_readable_one_says(self, language: str) -> None:
        """The shipped .mo file holds exactly the translations of the .po file."""
        with (LOCALE / language / "LC_MESSAGES" / "stagegate.mo").open("rb") as file:
            compiled = gettext.GNUTranslations(file)

        assert translations(language) == {sentence: compiled.gettext(sentence) for sentence in translations(language)}

    def test_japanese_uses_its_own_marks(self) -> None:
        """No ASCII colon or parenthesis stands beside Japanese words."""
        said = [text for text in translations("ja").values() if text != "{reason}"]
        plain = [text for text in said if set("()") & set(text) or ":" in text.replace("{entry}:", "")]

        assert [] == plain

    def test_japanese_keeps_one_style(self) -> None:
        """Reasons are plain statements; the polite forms are left to messages."""
        assert [] == [
            text for text in translations("ja").values() if "です" in text or "ます" in text or "ません" in text
        ]

    @pytest.mark.parametrize(
        "lang, said",
        [
            ("en", "the document letter_of_intent is missing"),
            ("id", "dokumen letter_of_intent belum ada"),
            ("id-ID", "dokumen letter_of_intent belum ada"),
            ("ja", "文書「letter_of_intent」が提出されていない"),
            ("fr", "the document letter_of_intent is missing"),
        ],
    )
    def test_reason_is_said(self, lang: str, said: str) -> None:
        """A reason speaks the language asked for, or English."""
        assert said == Unmet(code="document.missing", params={"document": "letter_of_intent"}).text(lang)

    def test_unknown_sentence(self) -> None:
        """What is no sentence of the library's is said as it is."""
        assert "something else" == translate("something else", "ja")


class TestCatalogs:
    """The script that keeps the catalogs."""

    def test_current(self) -> None:
        """The template, the translations and the compiled files are up to date."""
        run = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)

        assert (0, "") == (run.returncode, run.stderr)

    def test_new_sentence(
        self, catalogs: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A new sentence makes every file stale; updating takes it up and says that its translation is missing."""
        monkeypatch.setitem(SENTENCES, "new.one", "{thing} is new")
        assert 1 == catalogs.main(["--check"])
        assert "stagegate.pot is stale" in capsys.readouterr().err

        assert 1 == catalogs.main([])
        assert "id: no translation of '{thing} is new'" in capsys.readouterr().err
        assert b"{thing} is new" in (catalogs.LOCALE / "ja/LC_MESSAGES/stagegate.po").read_bytes()

    def test_lost_place(self, catalogs: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
        """A translation that lost a place of its sentence is named."""
        file = catalogs.LOCALE / "id/LC_MESSAGES/stagegate.po"
        file.write_text(file.read_text("utf-8").replace("dokumen {document} belum ada", "dokumen belum ada"), "utf-8")

        assert 1 == catalogs.main([])
        assert "other places" in capsys.readouterr().err

    def test_translations_survive(self, catalogs: ModuleType) -> None:
        """Updating twice changes nothing, and what was missing comes back from the translations."""
        (catalogs.LOCALE / "stagegate.pot").unlink()
        (catalogs.LOCALE / "ja/LC_MESSAGES/stagegate.mo").write_bytes(b"")

        assert 0 == catalogs.main([])
        assert {file.relative_to(LOCALE): file.read_bytes() for file in LOCALE.rglob("stagegate.*")} == {
            file.relative_to(catalogs.LOCALE): file.read_bytes() for file in catalogs.LOCALE.rglob("stagegate.*")
        }

    def test_language_from_nothing(self, catalogs: ModuleType) -> None:
        """A language without a file gets one to be filled in."""
        shutil.rmtree(catalogs.LOCALE / "id")

        assert 1 == catalogs.main([])
        assert (catalogs.LOCALE / "id/LC_MESSAGES/stagegate.po").exists()
