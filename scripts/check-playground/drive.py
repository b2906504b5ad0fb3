"""Uses the page of `retnet serve` in headless Chromium: writes, stops, takes alternatives and back, keeps, comes back.

drive.py URL [--key KEY] --screenshots FOLDER

Each check prints a line that begins with `ok`. The first one that fails ends the program with status 1. Runs take the
most likely token, so that what is on the page can be compared with what the server answers to other requests. KEY: the
server asks for this key.
"""

import argparse
import json
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

from page import Page


def fail(message):
    sys.exit(f"error: {message}")


def check(claim, condition, *found):
    if not condition:
        fail(" ".join([f"{claim}: not so", *(f"({value!r})" for value in found)]))
    print(f"ok {claim}", flush=True)


class Server:
    """The server without the page in between."""

    def __init__(self, url, key):
        self.url, self.key = url.rstrip("/"), key

    def ask(self, method, path, body=None):
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"{}")

    def states(self):
        return {state["id"]: state for state in self.ask("GET", "/v1/states")["data"]}

    def tokens(self, page):
        """Tokens of the state in which the page works."""
        return self.states()[page.work()]["tokens"]


PROMPT = "The model"
GREEDY = {"temperature": 0, "repeat_penalty": 1, "max_tokens": 24}


def check_writing(page, server, props):
    check("the page shows the name of the model", props["model"] in page.text_of("h1"), page.text_of("h1"))
    check("the prompt has the focus", page.focused_id() == "prompt", page.focused_id())
    page.set_fields(GREEDY)
    page.type(PROMPT)
    page.press_control_enter()
    page.wait_until_idle()
    text = page.text()
    answer = server.ask("POST", "/v1/completions", {"prompt": PROMPT, **GREEDY})["choices"][0]["text"]
    check("the text is the prompt and the server's answer", text == PROMPT + answer, text, PROMPT + answer)
    check(
        "the prompt's tokens are marked as the person's", "".join(page.texts(".yours")) == PROMPT, page.texts(".yours")
    )
    check("each token of the answer is a token on the page", len(page.texts(".token.model")) == 24)
    check("each token tells its probability", all("Probability" in title for title in page.titles(".token.model")))
    check("tokens are shaded", page.shaded() > 0)
    check("the speed is shown", page.text_of("#speed").endswith("tokens/s"), page.text_of("#speed"))
    check("the status was announced", page.text_of("#note").startswith("Wrote 24 tokens"), page.text_of("#note"))


def check_states_shown(page, server, claim):
    held = server.tokens(page)
    check(f"the tokens shown are those of the state {claim}", page.context() == held, page.context(), held)


def check_keyboard(page):
    page.focus_token(5)
    page.press("ArrowRight")
    check("the arrow keys walk the tokens", page.focused_token() == 6, page.focused_token())
    page.press("Home")
    check("Home goes to the first token", page.focused_token() == 0)
    page.press("ArrowDown")
    page.press("End")
    last = page.focused_token()
    check("End goes to the last token", last == page.count() - 1, last)
    page.press("Enter")
    check("Enter shows alternatives", page.choices_are_open())
    check("an alternative has the focus", page.focused_is("#choices button"))
    page.press("Escape")
    check("Escape closes them", not page.choices_are_open())
    check("the focus is back on the token", page.focused_token() == last, page.focused_token())
    check("one token is a stop of the Tab key", page.number_of("#text [tabindex='0']") == 1)


def check_alternative(page, server, has_states):
    before = page.tokens()
    index = len(before) - 10
    page.click_token(index)
    alternative = page.take_alternative()
    page.wait_until_idle()
    after = page.tokens()
    check("what was before an alternative stays", after[:index] == before[:index], before, after)
    check("the alternative is in its place", after[index] == alternative, after[index], alternative)
    check("the text goes on from it", len(after) == index + 1 + 24, len(after))
    if has_states:
        check_states_shown(page, server, "after an alternative")


def check_undo(page, server, has_states):
    before = page.tokens()
    page.click("#undo-token")
    page.wait_until_idle()
    check("undo takes one token", page.tokens() == before[:-1])
    if has_states:
        check_states_shown(page, server, "after an undo")
    page.click("#undo-run")
    page.wait_until_idle()
    shorter = page.tokens()
    check("undo takes a run", len(shorter) == len(before) - 25, len(before), len(shorter))
    if has_states:
        check_states_shown(page, server, "after an undo of a run")
    page.clear_prompt()
    page.press_control_enter()
    page.wait_until_idle()
    once = page.text()
    page.click("#undo-run")
    page.wait_until_idle()
    check("undo goes back to the same text", page.tokens() == shorter)
    page.press_control_enter()
    page.wait_until_idle()
    check("and the same follows again", page.text() == once, once, page.text())


def stop_in_the_middle(page, way):
    """Stops a run. A tiny model may have come to the end before the click: then it is tried again."""
    for _ in range(5):
        before = page.text()
        page.click("#go")
        page.wait(lambda: page.received() > 20 or not page.is_writing(), "nothing was written")
        label = page.text_of("#go")
        if way == "Escape":
            page.press("Escape")
        elif label == "Stop":
            page.click("#go")
        page.wait_until_idle()
        if label == "Stop" and page.text_of("#note").startswith("Stopped after"):
            return before
    return None


def check_stop(page, server, has_states):
    start = page.text()
    page.set_fields({**GREEDY, "max_tokens": 16000})
    for way in ("a click on Stop", "Escape"):
        before = stop_in_the_middle(page, way)
        check(f"{way} stops a run", before is not None, page.text_of("#note"))
        check(f"what was written before {way} stays", page.text().startswith(before) and page.text() != before)
        if has_states:
            check_states_shown(page, server, f"after {way}")
    before = page.tokens()
    page.click("#undo-token")
    page.wait_until_idle()
    check("undo takes a token of what was stopped", page.tokens() == before[:-1], len(before), page.count())
    if has_states:
        check_states_shown(page, server, "after that")
    while len(page.text()) > len(start):
        page.click("#undo-run")
        page.wait_until_idle()
    check("undo takes what was stopped", page.text() == start, page.text(), start)
    if has_states:
        check_states_shown(page, server, "after that too")
    page.set_fields(GREEDY)
    page.press_control_enter()
    page.wait_until_idle()
    check("a text that was stopped goes on", page.text().startswith(start) and len(page.text()) > len(start))


def check_states(page, server, props):
    page.keep("first")
    check("a state is in the list", page.names() == ["first"], page.names())
    check("the server has it", server.states()["first"]["tokens"] == page.context())
    check("it is saved if the server can", server.states()["first"]["saved"] == props["state_dir"])
    kept = page.text()
    page.type(" and then")
    page.press_control_enter()
    page.wait_until_idle()
    longer = page.text()
    check("typed text goes into the text", longer.startswith(kept + " and then"), longer[len(kept) :])
    page.keep("first")
    check("a name that is taken is refused", page.number_of("#note.bad") == 1, page.text_of("#note"))

    page.reload()
    check("a reload keeps the text", page.text() == longer, page.text(), longer)
    check("a reload keeps the samplers", page.field("temperature") == "0", page.field("temperature"))
    check_states_shown(page, server, "after a reload")
    page.come_back("first")
    check("coming back brings the text", page.text() == kept, page.text(), kept)
    check_states_shown(page, server, "after coming back")
    page.type(" and then")
    page.press_control_enter()
    page.wait_until_idle()
    check("the same follows as before", page.text() == longer, page.text(), longer)

    page.forget_texts()
    page.come_back("first", asks=True)
    held = server.states()["first"]["tokens"]
    check(
        "a state whose text is unknown says so", f"{held:,} tokens" in page.texts(".unknown")[0], page.texts(".unknown")
    )
    page.press_control_enter()
    page.wait_until_idle()
    check("and goes on", page.number_of(".token.model") == 24 and page.context() == held + 24, page.context(), held)
    page.click("#undo-run")
    page.wait_until_idle()
    check("undo stops at it", page.context() == held and page.number_of(".token") == 1, page.context())

    page.delete("first")
    check("a state can be deleted", page.names() == [] and "first" not in server.states(), page.names())


def check_lost_state(page, server):
    page.clear()
    check("New empties the text", page.text() == "" and page.context() == 0, page.text(), page.context())
    check("New deletes the page's state", page.work() not in server.states())
    page.type(PROMPT)
    page.press_control_enter()
    page.wait_until_idle()
    before = page.text()
    server.ask("DELETE", f"/v1/states/{page.work()}")
    page.press_control_enter()
    page.wait_until_idle()
    check(
        "a text whose state was lost is read again", page.text().startswith(before) and len(page.text()) > len(before)
    )
    check_states_shown(page, server, "after that")


def check_closed_page(page, server):
    other = page.in_other_tab(
        lambda: (page.type(PROMPT), page.press_control_enter(), page.wait_until_idle(), page.work())[-1]
    )
    check("another tab has a state of its own", other != page.work() and other in server.states(), other)
    page.reload()
    check("the state of a page that was closed is deleted", other not in server.states())
    check("that of this page stays", page.work() in server.states())


def check_limits(page):
    page.type("<img src=x onerror=alert(1)>&amp;")
    page.press_control_enter()
    page.wait_until_idle()
    check(
        "markup in a text stays text",
        "<img src=x onerror=alert(1)>&amp;" in page.text() and not page.number_of("#text img"),
    )
    page.set_fields({"temperature": 9})
    page.press_control_enter()
    page.wait_until_idle()
    check(
        "the server's word on a wrong value is shown", "temperature" in page.text_of("#note.bad"), page.text_of("#note")
    )
    page.click("#defaults")
    check("the defaults come back", page.field("temperature") == "0.8", page.field("temperature"))


def check_looks(page, name):
    """Screenshots in both modes and sizes, and what can be measured of them."""
    page.clear()
    page.screenshot(f"{name}-empty")
    page.click("#defaults")
    page.set_fields({"max_tokens": 160, "seed": 7})
    page.type("And it came to pass")
    page.press_control_enter()
    page.wait(lambda: page.count() > 60, "nothing was written")
    page.screenshot(f"{name}-writing")
    page.wait_until_idle()
    for size, (width, height) in {"desktop": (1280, 860), "phone": (390, 844)}.items():
        for mode in ("light", "dark"):
            page.emulate(width, height, mode, is_phone=size == "phone")
            page.scroll_to_end_of_text()
            page.screenshot(f"{name}-{size}-{mode}")
            check(f"{size}, {mode}: nothing is wider than the window", page.overflow() <= 0, page.overflow())
            check(
                f"{size}, {mode}: the figures are in view", all(map(page.is_in_view, ["#context", "#speed", "#size"]))
            )
            check(f"{size}, {mode}: the button is in view", page.is_in_view("#go"))
            worst = page.worst_contrast()
            check(f"{size}, {mode}: texts have a contrast of 4.5 or more", worst[0] >= 4.5, worst)
            page.click_token(page.count() - 12)
            page.screenshot(f"{name}-{size}-{mode}-alternatives")
            check(f"{size}, {mode}: the alternatives are in view", page.is_in_view("#choices"))
            page.press("Escape")
            page.scroll_to("aside", opened=True)
            page.screenshot(f"{name}-{size}-{mode}-panels")
            check(
                f"{size}, {mode}: the figures stay in view", all(map(page.is_in_view, ["#context", "#speed", "#size"]))
            )
    small = page.small_targets(24)
    check("buttons are large enough for a finger", not small, small)
    check("each field has a name", not page.nameless(), page.nameless())


def check_requests(page, url, allowed):
    host = urllib.parse.urlsplit(url).netloc
    elsewhere = [address for address in page.requests() if urllib.parse.urlsplit(address).netloc not in ("", host)]
    check("no request goes anywhere but the server", not elsewhere and len(page.requests()) > 5, elsewhere)
    errors = [line for line in page.errors() if not any(word in line for word in allowed)]
    check("the console has no errors", not errors, errors)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--key")
    parser.add_argument("--screenshots", type=Path, required=True)
    arguments = parser.parse_args()
    server = Server(arguments.url, arguments.key)
    props = server.ask("GET", "/props")
    has_states = props["has_states"]
    began = time.monotonic()

    with Page(arguments.url, arguments.screenshots) as page:
        allowed = []
        if arguments.key:
            allowed.append("401")
            check("the page asks for the key", page.is_in_view("#key"))
            page.screenshot("key")
            page.give_key("wrong")
            check("it asks again after a wrong one", page.is_in_view("#key") and page.number_of("#note.bad") == 1)
            page.give_key(arguments.key)
            check("and no more after the right one", not page.is_in_view("#key"))
        check("the form of the context is told", ("same for any length" in page.text_of("dl")) == has_states)
        check("states are offered if there are some", page.is_in_view("#names", in_window=False) == has_states)
        check_writing(page, server, props)
        if has_states:
            check_states_shown(page, server, "after a run")
        check_keyboard(page)
        check_alternative(page, server, has_states)
        check_undo(page, server, has_states)
        check_stop(page, server, has_states)
        if has_states:
            # The page asks again for a state that the server has not left yet, and for a name that is taken.
            allowed += ["409"]
            check_states(page, server, props)
            allowed += ["404"]
            check_lost_state(page, server)
            check_closed_page(page, server)
            allowed += ["400"]
            check_limits(page)
            page.keep("beginning")
            page.keep("before-the-flood")
        check_looks(page, props["model"])
        if has_states:
            page.delete("beginning")
            page.delete("before-the-flood")
        check_requests(page, arguments.url, allowed)
    print(f"{time.monotonic() - began:.0f} seconds", file=sys.stderr)


main()
