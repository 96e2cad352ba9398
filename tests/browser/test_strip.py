"""The token strip: steps, Play, keyboard and the chosen token work in the browser; session, address and figures follow."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.driving import open_page, query, settled

pytestmark = pytest.mark.browser
# Moves the slider and reads what the strip then says, in one turn of the browser: no server can have answered.
AT_ONCE = """([range, to]) => {
    const began = performance.now();
    range.value = to;
    range.dispatchEvent(new Event('input', {bubbles: true}));
    const tokens = [...document.querySelectorAll('[data-token]')];
    return [document.querySelector('.strip-step').textContent, tokens.map(each => each.title), performance.now() - began];
}"""


def slider(page):
    return page.get_by_role("slider", name="Ascent step")


def moved(page, to):
    return page.evaluate(AT_ONCE, [slider(page).element_handle(), str(to)])


def chosen(page):
    return page.locator("[data-token][aria-selected=true]")


def test_every_step_is_in_the_browser(page, server, small, sentences):
    open_page(page, server, f"perturb?perturb-pgd-ascent_steps=5&{query(small, sentences)}")
    expect(page.locator(".strip-step")).to_have_text("step 5 of 5")  # It begins at the end of the ascent.
    said, titles, milliseconds = moved(page, 0)
    assert said == "step 0 of 5" and all("‖δ‖ = 0 at step 0" in title for title in titles)
    assert milliseconds < 50
    grounds = page.locator("[data-token]").evaluate_all("each => each.map(token => token.style.background)")
    assert len(set(grounds)) == 1
    expect(page).to_have_url(re.compile(r"[?&]step=0"))  # The address follows once the slider rests.

    page.get_by_role("button", name="Play").click()
    expect(page.locator(".strip-step")).to_have_text("step 5 of 5")
    expect(page).not_to_have_url(re.compile(r"[?&]step="))
    settled(page)
    moved(page, 2)
    expect(page).to_have_url(re.compile(r"[?&]step=2"))
    # Other settings: another ascent, shown at its end again.
    page.get_by_label("Ascent steps", exact=True).fill("3")
    page.get_by_label("Ascent steps", exact=True).press("Tab")
    expect(page.locator(".strip-step")).to_have_text("step 3 of 3")
    expect(page).not_to_have_url(re.compile(r"[?&]step="))


def test_a_chosen_token_stands_out_in_the_figures_and_in_the_address(page, server, small, sentences):
    open_page(page, server, f"perturb?{query(small, sentences)}")
    expect(page.locator(".shapelayer path")).to_have_count(0)
    page.locator("[data-token]").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(chosen(page)).to_have_count(1)
    name = chosen(page).inner_text()
    assert name == page.locator("[data-token]").nth(2).inner_text()
    expect(page).to_have_url(re.compile(r"[?&]token=2"))
    expect(page.locator(".strip-tip")).to_contain_text(f"{name}: ‖δ‖ = ")
    expect(page.locator(".shapelayer path")).to_have_count(2)  # A frame in the heat map, and in the bars.
    page.goto(page.url)
    settled(page)
    expect(chosen(page)).to_have_text(name)
    page.get_by_label("Sentence", exact=True).fill("a good film")
    page.get_by_label("Sentence", exact=True).press("Control+Enter")
    expect(chosen(page)).to_have_count(0)
    expect(page).not_to_have_url(re.compile(r"[?&]token="))


def test_what_an_address_asks_for_and_is_not_there_is_said(page, server, small, sentences):
    open_page(page, server, f"perturb?step=99&token=x&{query(small, sentences)}")
    expect(page.get_by_text("The address asks for step=99: there is none here, only 0 to 3.")).to_be_visible()
    expect(page.get_by_text("The address asks for token=x")).to_be_visible()
    expect(page.locator(".strip-step")).to_have_text("step 3 of 3")


def test_several_strips_move_together(page, server, small, sentences):
    open_page(page, server, f"perturb?view=Methods%20side%20by%20side&steps=3&{query(small, sentences)}")
    expect(page.locator(".strip-row").nth(5)).to_be_visible()
    _, titles, _ = moved(page, 1)
    assert len(titles) > 20 and all("at step 1" in title for title in titles)


def test_sentence_model_radius_and_token_are_carried_from_page_to_page(page, server, small, sentences):
    open_page(page, server, f"perturb?{query(small, sentences)}")
    page.get_by_label("Sentence", exact=True).fill("a dull film")
    page.get_by_label("Sentence", exact=True).press("Control+Enter")
    page.get_by_role("spinbutton", name="Epsilon").fill("0.3")
    page.get_by_role("spinbutton", name="Epsilon").press("Tab")
    expect(page.get_by_text("α = 2ε/K = 0.2", exact=True)).to_be_visible()  # The server has seen it.
    settled(page)
    for name, model in (("Landscape", "of"), ("Attribution", "models"), ("Microscope", "models"), ("Perturb", "of")):
        page.get_by_role("link", name=name, exact=True).first.click()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        expect(page.get_by_label("Sentence", exact=True)).to_have_value("a dull film")
        expect(page.get_by_role("spinbutton", name="Epsilon")).to_have_value("0.3")
        expect(page).to_have_url(re.compile(rf"[?&]{model}=.*{small.name}"))
        expect(page).to_have_url(re.compile(r"[?&]text=a\+dull\+film"))
        if name == "Microscope":  # Whoever leaves before its variants are drawn does not find the sentence among them.
            expect(page.locator(".strip-row")).to_have_count(2)
        settled(page)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)  # Nothing in the address that a page does not know.
    page.get_by_label("Sentence", exact=True).fill("a good film")
    page.get_by_label("Sentence", exact=True).press("Control+Enter")
    settled(page)
    page.get_by_role("link", name="Microscope", exact=True).first.click()
    expect(page.get_by_label("Sentence", exact=True)).to_have_value("a good film")
    expect(page.locator(".strip-row")).to_have_count(3)  # The sentence, and both variants.
    page.locator("[data-token]").nth(2).click()
    expect(page).to_have_url(re.compile(r"[?&]token=2"))
    expect(page.locator(".shapelayer path")).to_have_count(2)  # In the attribution, and in the layers.


def test_a_change_on_a_page_that_was_there_before_is_carried_too_and_back_goes_one_page_back(
    page, server, small, sentences
):
    open_page(page, server, f"perturb?{query(small, sentences)}&method=FreeLB")
    epsilon = page.get_by_role("spinbutton", name="Epsilon")

    def go(name):
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()

    def choose(value):
        epsilon.fill(value)
        epsilon.press("Enter")
        alpha = f"α = 2ε/K = {2 * float(value) / 3:.3g}"
        expect(page.get_by_text(alpha, exact=True)).to_be_visible()  # The server has seen it.
        settled(page)

    for value in ("0.4", "0.6", "0.5"):  # The last one is the default.
        choose(value)
        for name in ("Microscope", "Landscape", "Perturb"):
            go(name)
            expect(epsilon).to_have_value(value)
            settled(page)
    choose("0.3")
    entries = page.evaluate("history.length")
    go("Microscope")
    settled(page)
    go("Landscape")
    settled(page)
    assert page.evaluate("history.length") == entries + 2  # However much each page wrote into its address.
    for name in ("Microscope", "Perturb"):
        page.go_back()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        settled(page)
        expect(epsilon).to_have_value("0.3")
        expect(page.get_by_label("Sentence", exact=True)).to_have_value("a dull but good film")


def focused(page, what, most=80):
    """Press Tab until a certain element has the focus, as a person without a mouse would."""
    passed = []
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(f"() => !!document.activeElement && ({what})(document.activeElement)"):
            return
        passed.append(
            page.evaluate("() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.tagName")
        )
    raise AssertionError(f"{what}: not reached by {most} Tabs, over {passed}")


def test_from_typing_to_pinning_by_the_keyboard_alone(page, server, small, sentences):
    open_page(page, server, f"perturb?{query(small, sentences)}")
    focused(page, "at => at.tagName === 'TEXTAREA'")
    page.keyboard.press("Control+A")
    page.keyboard.type("a lovely but dull town")
    focused(page, "at => at.hasAttribute('data-token')")
    settled(page)
    expect(page.locator("[data-token]").nth(2)).to_contain_text("lovely")
    focused(page, "at => at.hasAttribute('data-token')")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    spoken = page.evaluate("() => document.activeElement.getAttribute('aria-label') || document.activeElement.title")
    assert "lovely" in spoken and "‖δ‖" in spoken
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("token=2"))
    settled(page)
    focused(page, "at => at.tagName === 'BUTTON' && /Pin/.test(at.innerText)")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("Pinned to"))).to_be_visible()


def test_what_is_not_allowed_is_said_beside_its_field_and_the_old_figures_are_greyed(page, server, small, sentences):
    view = "view=Methods+side+by+side"
    open_page(page, server, f"perturb?{view}&{query(small, sentences)}")
    strip = page.locator(".strips").first
    expect(strip).to_have_css("opacity", "1")
    field = page.get_by_label("Epsilon", exact=True)
    for wrong in ("0", "-1", "1e9"):
        field.fill(wrong)
        field.press("Enter")
        said = "Epsilon must be a number above 0 and at most 1000000. What is shown is for"
        expect(page.get_by_test_id("stSidebar").get_by_text(said)).to_be_visible()
        settled(page)
        expect(strip).to_have_css("opacity", "0.35")
        field.fill("0.25")
        field.press("Enter")
        expect(page.get_by_text("Epsilon must be")).to_have_count(0)
        expect(strip).to_have_css("opacity", "1")
    open_page(page, server, f"perturb?{view}&epsilon=0&{query(small, sentences)}")
    expect(page.get_by_text("Epsilon must be a number above 0")).to_be_visible()
    site = "perturb-pgd-site=nowhere"
    open_page(page, server, f"perturb?{site}&{query(small, sentences)}")
    expect(page.get_by_test_id("stSidebar").get_by_text(re.compile("nowhere"))).to_be_visible()
