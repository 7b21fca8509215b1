"""What people see."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Callable, Sequence
from typing import Final, cast

import pytest

from consent_registry.v1.unsubscribe_service_pb2 import DescribeUnsubscribeResponse
from consent_registry_client import Channel, UnsubscribeChoice
from consent_registry_server.web.branding import Brand, Branding, Logo
from consent_registry_server.web.languages import Catalogues, Language
from consent_registry_server.web.pages import Pages, View
from consent_registry_server.web.wording import channel_words, stopped_sentences
from tests.unit.web.page_document import Element, Form, forms, parse

LINK = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_LINK
EMAIL = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_EMAIL
SMS = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_SMS
CALLS = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_CALLS
RECORDING = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_RECORDING
EVERYTHING = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_EVERYTHING
ALL: Final = tuple(sorted(choice for choice in UnsubscribeChoice.values() if choice))
FEW: Final = (LINK, EMAIL, EVERYTHING)

TOKEN: Final = "a2" * 40
PATH: Final = f"/u/{TOKEN}"
LATER_CHANNEL: Final = cast("Channel.ValueType", 99)
LATER_CHOICE: Final = cast("UnsubscribeChoice.ValueType", 99)
UNDO: Final = b"\xff\xfe undo token"
NAME: Final = "Exemple Alarme France SAS"
HOSTILE: Final = "\"><script>alert('1')</script>{{ 7 * 7 }}%(name)s&lt;"

BRAND: Final = Brand(
    name="Exemple Alarme",
    logo=Logo(b"\x89PNG\r\n\x1a\n", "image/png"),
    email="stop@example.com",
    phone="+33 6 39 98 00 00",
    address=("1 rue de l’Exemple", "75000 Paris"),
    privacy_url="https://example.com/privacy",
)
CATALOGUES: Final = Catalogues.load()
BRANDED: Final = Pages(Branding(brands={"alarm-fr": BRAND}), CATALOGUES)
NEUTRAL: Final = Pages(Branding(), CATALOGUES)

Render = Callable[[Pages, View], str]
STATES: Final[dict[str, Render]] = {
    "start": lambda pages, view: pages.start(view),
    "stopped": lambda pages, view: pages.stopped(view, undo_token=UNDO, chosen=[LINK]),
    "stopped-more": lambda pages, view: pages.stopped(view, undo_token=UNDO, chosen=[SMS, CALLS]),
    "stopped-all": lambda pages, view: pages.stopped(view, undo_token=UNDO, chosen=[EVERYTHING]),
    "undone": lambda pages, view: pages.undone(view),
    "undo-expired": lambda pages, view: pages.undo_expired(view),
    "invalid-link": lambda pages, view: pages.invalid_link(view),
    "unavailable": lambda pages, view: pages.unavailable(view),
    "unavailable-again": lambda pages, view: pages.unavailable(view, chosen=[SMS, RECORDING]),
    "unavailable-undo": lambda pages, view: pages.unavailable(view, undo_token=UNDO),
    "refused-400": lambda pages, view: pages.refused(view, status=400),
    "refused-404": lambda pages, view: pages.refused(view, status=404),
    "refused-405": lambda pages, view: pages.refused(view, status=405),
    "refused-413": lambda pages, view: pages.refused(view, status=413),
    "refused-429": lambda pages, view: pages.refused(view, status=429),
}
REACHED_BY_GET: Final = frozenset(
    {"start", "invalid-link", "unavailable", *(each for each in STATES if "refused" in each)}
)

every_state = pytest.mark.parametrize("state", STATES)
every_language = pytest.mark.parametrize("language", list(Language))
every_look = pytest.mark.parametrize(
    "pages", [pytest.param(BRANDED, id="branded"), pytest.param(NEUTRAL, id="neutral")]
)
every_link = pytest.mark.parametrize("choices", [ALL, FEW, None], ids=["all", "few", "no-link"])


def view(
    choices: Sequence[UnsubscribeChoice.ValueType] | None = ALL,
    *,
    language: Language = Language.ENGLISH,
    channel: Channel.ValueType = Channel.CHANNEL_EMAIL,
    name: str = NAME,
    controller: str = "alarm-fr",
    path: str = PATH,
) -> View:
    link = DescribeUnsubscribeResponse(
        controller=controller,
        legal_name=name,
        country="FR",
        channel=channel,
        purpose="direct_marketing",
        choices=choices or (),
    )
    return View(language, path, None if choices is None else link)


def spaced(text: str) -> str:
    """A text with plain spaces, as `Element.text` is."""
    return " ".join(text.split())


def rendered(state: str, seen: View, *, pages: Pages = BRANDED) -> Element:
    return parse(STATES[state](pages, seen))


@every_state
@every_language
@every_look
@every_link
def test_every_page_is_sound_in_every_language(
    state: str,
    language: Language,
    pages: Pages,
    choices: Sequence[UnsubscribeChoice.ValueType] | None,
) -> None:
    """Well-formed, in its language, one heading, landmarks; nothing in it runs or is foreign."""
    page = rendered(state, view(choices, language=language), pages=pages)
    assert page.attributes["lang"] == language
    heading = page.one("h1").text
    assert heading
    assert page.one("title").text.startswith(heading)
    assert page.one("main").one("h1").text == heading
    assert next(page.all("link")).attributes["href"] == "/static/style.css"
    for element in page.all():
        assert element.tag not in {"script", "style", "iframe", "object", "svg", "base"}
        assert not [name for name in element.attributes if name.startswith(("on", "style"))]
        assert element.attributes.get("src", "/static/").startswith("/static/")
        assert element.tag != "link" or element.attributes["href"].startswith("/static/")
        assert element.attributes.get("http-equiv") is None
    headings = [int(each.tag[1]) for each in page.all() if each.tag in {"h1", "h2", "h3"}]
    assert headings[0] == 1
    assert set(headings[1:]) <= {2}


@every_state
@every_language
def test_every_button_posts_to_the_link_and_keeps_the_language(
    state: str, language: Language
) -> None:
    """With the fields that the handler knows, nothing ticked beforehand."""
    page = rendered(state, view(language=language))
    for form in forms(page):
        assert (form.action, form.method) == (f"{PATH}?lang={language}", "post")
        assert form.fields[0] in {
            ("action", "unsubscribe"),
            ("action", "preferences"),
            ("action", "undo"),
        }
        assert {name for name, _ in form.fields} <= {"action", "choice", "undo"}
    for element in page.all("form"):
        assert element.one("button").text
        assert element.one("button").attributes["type"] == "submit"
    assert not [box for box in page.all("input") if "checked" in box.attributes]


@every_state
@pytest.mark.parametrize("language", [each for each in Language if each is not Language.ENGLISH])
def test_no_page_falls_back_to_english(state: str, language: Language) -> None:
    """No text of a translated page is that of the English one."""

    def texts(page: Element) -> set[str]:
        parts = (
            each.text for each in page.one("main").all() if each.tag in {"p", "h1", "h2", "li"}
        )
        return {each for each in parts if each}

    english = texts(rendered(state, view()))
    assert not english & texts(rendered(state, view(language=language)))


def test_the_start_page_asks_one_thing() -> None:
    """Who writes, what one click stops, one button."""
    page = rendered("start", view())
    assert page.one("h1").text == "Stop these emails?"
    assert page.one("title").text == "Stop these emails? – Exemple Alarme"
    assert f"{NAME} wrote to you by email. One click stops emails of this kind." in page.text
    assert forms(page) == [Form(f"{PATH}?lang=en", "post", (("action", "unsubscribe"),))]
    assert page.one("button").text == "Unsubscribe"


@pytest.mark.parametrize("channel", [*Channel.values(), LATER_CHANNEL])
@every_language
def test_every_channel_has_its_words(channel: Channel.ValueType, language: Language) -> None:
    """One of a later version of the contract too."""
    seen = view(channel=channel, language=language)
    words, said = channel_words(channel), CATALOGUES.of(language).gettext
    page = rendered("start", seen).one("main")
    assert page.one("h1").text == spaced(said(words.question))
    assert next(page.all("p")).text == said(words.offer) % {"name": NAME}
    assert said(words.stopped) in [each.text for each in rendered("stopped", seen).all("li")]


@every_language
@pytest.mark.parametrize("choices", [ALL, FEW], ids=["all", "few"])
@pytest.mark.parametrize(
    "chosen",
    [(LINK,), (EMAIL,), (EMAIL, LINK), (EVERYTHING,), (EMAIL, EVERYTHING)],
    ids=["link", "email", "link-and-email", "everything", "email-and-everything"],
)
def test_the_confirmation_tells_what_was_chosen_and_nothing_else(
    language: Language,
    choices: Sequence[UnsubscribeChoice.ValueType],
    chosen: Sequence[UnsubscribeChoice.ValueType],
) -> None:
    """A sentence each, in the contract's order; it promises no end of what the link cannot stop."""
    seen = view(choices, language=language)
    page = parse(BRANDED.stopped(seen, undo_token=UNDO, chosen=chosen))
    (status,) = (each for each in page.all() if each.attributes.get("role") == "status")
    said = [each.text for each in status.all("li")]
    expected = stopped_sentences(chosen, seen.link)
    assert said == [CATALOGUES.of(language).gettext(each) for each in expected]
    recording = stopped_sentences([RECORDING], seen.link)[0]
    assert (recording in expected) == (EVERYTHING in chosen and RECORDING in choices)
    assert len(expected) == len(chosen) + (recording in expected)


def test_an_end_of_all_marketing_is_promised_by_links_that_can_stop_all() -> None:
    """Any other link tells that it stops what it can."""
    promise = "You will get no more marketing of any kind."
    assert promise in stopped_sentences([EVERYTHING], view(ALL).link)
    partial = stopped_sentences([EVERYTHING], view(FEW).link)
    assert partial == ("Everything that this link can stop has stopped.",)
    offered = BRANDED.stopped(view(FEW), undo_token=UNDO, chosen=[LINK])
    assert "Everything that this link can stop" in offered
    assert "All marketing of every kind" not in offered
    assert "All marketing of every kind" in BRANDED.stopped(
        view(ALL), undo_token=UNDO, chosen=[LINK]
    )


def test_the_confirmation_depends_on_the_link_and_the_choice_alone() -> None:
    """Two people's pages differ in their undo token, which has always one length."""
    one = BRANDED.stopped(view(), undo_token=b"a" * 40, chosen=[LINK])
    other = BRANDED.stopped(view(), undo_token=b"b" * 40, chosen=[LINK])
    replaced = {"YWFh" * 13 + "YQ==", "YmJi" * 13 + "Yg=="}
    for token in replaced:
        one, other = one.replace(token, ""), other.replace(token, "")
    assert one == other


@pytest.mark.parametrize(
    "choices, chosen, offered",
    [
        pytest.param(
            ALL,
            [LINK],
            ["email", "sms", "messaging", "calls", "visits", "post", "recording", "everything"],
            id="all-but-the-link's-own",
        ),
        pytest.param(
            ALL,
            [SMS, CALLS, RECORDING],
            ["email", "messaging", "visits", "post", "everything"],
            id="not-what-was-chosen",
        ),
        pytest.param(FEW, [LINK], ["email", "everything"], id="what-the-link-can-stop"),
        pytest.param(FEW, [EMAIL], ["everything"], id="what-is-left"),
        pytest.param(ALL, [EVERYTHING], [], id="nothing-besides-everything"),
        pytest.param([*ALL, LATER_CHOICE], ALL[:-1], ["everything"], id="nothing-without-words"),
    ],
)
def test_what_else_can_stop_is_offered(
    choices: Sequence[UnsubscribeChoice.ValueType],
    chosen: Sequence[UnsubscribeChoice.ValueType],
    offered: list[str],
) -> None:
    """As check boxes with labels, in a group with a legend."""
    page = parse(BRANDED.stopped(view(choices), undo_token=UNDO, chosen=chosen))
    boxes = [each for each in page.all("input") if each.attributes["type"] == "checkbox"]
    assert [each.attributes["value"] for each in boxes] == offered
    labels = [label.one("input") for label in page.all("label") if label.text]
    assert labels == boxes
    assert len(list(page.all("legend"))) == len(list(page.all("fieldset"))) == bool(offered)


@pytest.mark.parametrize(
    "choices, hinted", [(ALL, False), (FEW, True)], ids=["all-offered", "some-missing"]
)
def test_a_hint_tells_why_something_is_missing(
    choices: Sequence[UnsubscribeChoice.ValueType], hinted: bool
) -> None:
    """And whom to ask for it."""
    text = rendered("stopped", view(choices)).text
    assert ("Only what we can recognise you by" in text) is hinted
    assert ("stop@example.com" in text) is hinted


def test_a_choice_can_be_taken_back() -> None:
    """By a form that holds the undo token, whatever was recorded."""
    undo = forms(rendered("stopped", view()))[-1]
    assert undo.fields[0] == ("action", "undo")
    name, value = undo.fields[1]
    assert name == "undo"
    assert urlsafe_b64decode(value) == UNDO


def test_contact_that_the_contract_needs_goes_on_and_the_page_says_so() -> None:
    """Nobody is to fear for the alarm."""
    assert "and alarm calls, go on" in rendered("stopped", view()).text


def test_when_nothing_is_recorded_the_page_says_so_and_offers_the_same_again() -> None:
    """One click, the boxes ticked, or the undo."""
    start, again, undo = (
        rendered(state, view())
        for state in ("unavailable", "unavailable-again", "unavailable-undo")
    )
    assert "Nothing was recorded yet" in start.text
    assert "Nothing was recorded yet" in again.text
    assert "Nothing was taken back yet" in undo.text
    assert forms(start)[0].fields == (("action", "unsubscribe"),)
    assert forms(again)[0].fields == (
        ("action", "preferences"),
        ("choice", "sms"),
        ("choice", "recording"),
    )
    assert "All marketing text messages (SMS)" in again.text
    assert forms(undo)[0].fields == forms(rendered("stopped", view()))[-1].fields
    only_link = parse(BRANDED.unavailable(view(None), chosen=[LINK]))
    assert forms(only_link)[0].fields == (("action", "unsubscribe"),)


@pytest.mark.parametrize("state", [each for each in STATES if not each.startswith("stopped")])
@every_link
def test_only_a_confirmation_says_that_something_is_saved(
    state: str, choices: Sequence[UnsubscribeChoice.ValueType] | None
) -> None:
    """An invalid link is never "done"."""
    page = rendered(state, view(choices))
    assert "choice is saved" not in page.text
    assert "has noted" not in page.text
    assert "no more" not in page.text


@pytest.mark.parametrize("state", ["invalid-link", "undo-expired", "unavailable"])
@pytest.mark.parametrize("reachable", [True, False])
def test_people_are_told_how_to_say_it_by_hand(state: str, reachable: bool) -> None:
    """By the company's ways, or by a reply."""
    pages = Pages(Branding(default=BRAND if reachable else Brand()), CATALOGUES)
    page = rendered(state, view(None), pages=pages)
    links = [each.attributes["href"] for each in page.one("main").all("a")]
    ways = ["mailto:stop@example.com", "tel:+33639980000"] if reachable else []
    assert links == ways
    assert ("75000 Paris" in page.text) is reachable
    assert state == "unavailable" or reachable or "reply" in page.text.lower()


def test_an_invalid_link_tells_of_no_controller() -> None:
    """The page is neutral, and says what mail programs do to links."""
    page = rendered("invalid-link", view(None))
    assert NAME not in page.text
    assert "Exemple" not in page.text
    assert "cut long links off" in page.text
    assert not list(page.all("img"))
    assert [each.attributes["href"] for each in page.all("link")][1] == "/static/brand/default.css"
    assert not forms(page)


@pytest.mark.parametrize("state", STATES)
def test_languages_are_links_where_nothing_is_lost_by_following_one(state: str) -> None:
    """From a confirmation a link would lead back to the start, without the undo token."""
    page = rendered(state, view(path=PATH, language=Language.FINNISH))
    found = list(page.all("nav"))
    assert bool(found) is (state in REACHED_BY_GET)
    if found:
        links = list(found[0].all("a"))
        assert [each.attributes["href"] for each in links] == [
            f"{PATH}?lang={language}" for language in Language
        ]
        assert [each.text for each in links] == [each.own_name for each in Language]
        assert [each.attributes["lang"] for each in links] == list(Language)
        (current,) = (each for each in links if "aria-current" in each.attributes)
        assert current.text == "Suomi"
        assert found[0].attributes["aria-label"] == "Kieli"


def test_the_brand_is_shown() -> None:
    """Its logo, colours and privacy notice; the legal name below."""
    page = rendered("start", view())
    image = page.one("img")
    assert image.attributes == {"src": "/static/brand/alarm-fr/logo", "alt": "Exemple Alarme"}
    assert [each.attributes["href"] for each in page.all("link")][1] == "/static/brand/alarm-fr.css"
    footer = page.one("footer")
    assert NAME in footer.text
    assert footer.one("a").attributes["href"] == "https://example.com/privacy"


def test_without_a_brand_the_legal_name_is_shown() -> None:
    """In place of the logo."""
    page = rendered("start", view(), pages=NEUTRAL)
    assert page.one("header").text == NAME
    assert not list(page.all("img"))


@every_state
@every_language
def test_hostile_names_and_paths_stay_text(state: str, language: Language) -> None:
    """Whatever a policy or an address holds: it neither runs nor leads anywhere else."""
    brand = Brand(name=HOSTILE, logo=BRAND.logo, address=(HOSTILE,), privacy_url=HOSTILE)
    pages = Pages(Branding(default=brand), CATALOGUES)
    seen = view(
        FEW, name=HOSTILE, controller=HOSTILE, path=f"//example.org/\\{HOSTILE}", language=language
    )
    page = rendered(state, seen, pages=pages)
    assert not list(page.all("script"))
    assert page.one("header").one("img").attributes["alt"] == HOSTILE
    for form in forms(page):
        assert form.action.startswith("/example.org/%5C%22%3E%3Cscript%3E")
    for each in page.all("nav"):
        assert all(link.attributes["href"].startswith("/ex") for link in each.all("a"))
