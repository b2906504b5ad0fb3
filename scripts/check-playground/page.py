"""The page in a browser: what a person does on it, and what is there to see."""

import base64
import json
import os
import shutil
import sys
import time

from selenium import webdriver
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CONTRAST = """
const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const pixel = colors => {
  context.globalCompositeOperation = 'copy';
  for (const color of colors) {
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    context.globalCompositeOperation = 'source-over';
  }
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const luminance = rgb => {
  const [r, g, b] = rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
let worst = [Infinity, ''];
for (const node of document.querySelectorAll('body *')) {
  const hasText = [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
  if (!hasText || node.disabled || !node.checkVisibility() || ['SCRIPT', 'STYLE'].includes(node.tagName)) continue;
  const behind = [];
  for (let place = node; place; place = place.parentElement) behind.unshift(getComputedStyle(place).backgroundColor);
  const page = ['Canvas', ...behind];
  const color = getComputedStyle(node).color;
  const [a, b] = [luminance(pixel(page)), luminance(pixel([...page, color]))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < worst[0]) worst = [ratio, node.outerHTML.slice(0, 120)];
}
return worst;
"""


class Page:
    def __init__(self, url, screenshots):
        self.url, self.screenshots = url, screenshots
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in ("--headless=new", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1280,860"):
            options.add_argument(flag)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        options.set_capability("unhandledPromptBehavior", "ignore")
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        self.addresses, self.lines = [], []
        self.emulate(1280, 860, "light", is_phone=False)
        self.driver.get(url)
        self.wait_until_idle()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self.answer_question(expected=False)
            self.screenshot("failed")
            print(f"note: {self.text_of('#note')}", *self.errors(), sep="\nnote: ", file=sys.stderr)
        self.driver.quit()

    # What a person does

    def type(self, text):
        self.driver.find_element(By.ID, "prompt").send_keys(text)

    def clear_prompt(self):
        self.driver.find_element(By.ID, "prompt").clear()

    def press(self, key):
        names = {"ArrowRight": Keys.ARROW_RIGHT, "ArrowDown": Keys.ARROW_DOWN}
        ActionChains(self.driver).send_keys(names.get(key) or getattr(Keys, key.upper())).perform()

    def press_control_enter(self):
        ActionChains(self.driver).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()

    def click(self, selector):
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def click_token(self, index):
        token = self.driver.find_elements(By.CSS_SELECTOR, ".token")[index]
        self.run("arguments[0].scrollIntoView({block: 'center'})", token)
        token.click()
        self.wait(self.choices_are_open, "no alternatives were shown")

    def take_alternative(self):
        """Takes the second alternative that can be taken; returns its text."""
        buttons = self.driver.find_elements(By.CSS_SELECTOR, "#choice-list button:enabled")
        text = buttons[1].find_element(By.CSS_SELECTOR, "span").text
        buttons[1].click()
        return text.replace("␣", " ").replace("↵", "\n")

    def focus_token(self, index):
        self.run("document.querySelectorAll('.token')[arguments[0]].focus()", index)

    def set_fields(self, values):
        for name, value in values.items():
            field = self.driver.find_element(By.ID, name)
            self.run("arguments[0].closest('details').open = true", field)
            field.clear()
            field.send_keys(str(value), Keys.TAB)
        self.run("document.getElementById('prompt').focus()")

    def keep(self, name):
        field = self.driver.find_element(By.ID, "name")
        field.clear()
        field.send_keys(name, Keys.ENTER)
        self.wait_until_idle()

    def come_back(self, name, asks=False):
        self.click(f"[aria-label='Come back to {name}']")
        self.answer_question(expected=asks)
        self.wait_until_idle()

    def delete(self, name):
        self.click(f"[aria-label='Delete {name}']")
        self.answer_question(expected=True)
        self.wait_until_idle()

    def clear(self):
        is_kept = self.run("return isKept")
        self.click("#clear")
        self.answer_question(expected=not is_kept)
        self.wait_until_idle()

    def answer_question(self, expected):
        """Says yes to what the page asks. It asks before a text is left that is not kept."""
        for _ in range(20):
            try:
                return self.driver.switch_to.alert.accept()
            except NoAlertPresentException:
                if not expected:
                    return None
                time.sleep(0.05)
        sys.exit("error: the page should have asked a question")

    def give_key(self, key):
        self.driver.find_element(By.ID, "key").send_keys(key, Keys.ENTER)
        self.wait_until_idle()

    def reload(self):
        self.driver.refresh()
        self.wait_until_idle()

    def in_other_tab(self, do):
        """Opens the page in another tab, does something there, and closes it."""
        here = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        self.driver.get(self.url)
        self.wait_until_idle()
        result = do()
        self.driver.close()
        self.driver.switch_to.window(here)
        return result

    def forget_texts(self):
        self.run(
            "for (const key of Object.keys(localStorage)) if (key.startsWith('text of')) localStorage.removeItem(key)"
        )

    # What is there

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition, message, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.03)
        sys.exit(f"error: {message}")

    def wait_until_idle(self):
        """Waits until the page has done what it was asked for. Two frames later it has shown it."""
        self.wait(lambda: self.run("return controller === null"), "the page did not come to rest")
        self.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")

    def is_writing(self):
        return self.run("return isWriting")

    def received(self):
        """Items of the run that is being written."""
        return self.run("return items.length - writtenFrom")

    def work(self):
        return self.run("return work")

    def text(self):
        return "".join(self.texts(".token.yours, .token.model"))

    def tokens(self):
        return self.texts(".token")

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map(node => node.textContent)", selector)

    def titles(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map(node => node.title)", selector)

    def text_of(self, selector):
        return " ".join(self.texts(selector))

    def number_of(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def count(self):
        return self.number_of(".token")

    def field(self, name):
        return self.run("return document.getElementById(arguments[0]).value", name)

    def names(self):
        return self.run("return [...document.querySelectorAll('#names div')].map(node => node.firstChild.data)")

    def context(self):
        return int(self.text_of("#context").split()[0].replace(",", ""))

    def shaded(self):
        shades = self.run(
            "return [...document.querySelectorAll('.token')].map(node => +node.style.getPropertyValue('--s'))"
        )
        return sum(shade > 10 for shade in shades)

    def focused_id(self):
        return self.run("return document.activeElement.id")

    def focused_is(self, selector):
        return self.run("return document.activeElement.matches(arguments[0])", selector)

    def focused_token(self):
        return self.run("return [...document.querySelectorAll('.token')].indexOf(document.activeElement)")

    def choices_are_open(self):
        return self.number_of("#choices:popover-open") == 1

    def is_in_view(self, selector, in_window=True):
        return self.run(
            """
            const node = document.querySelector(arguments[0]);
            if (!node.checkVisibility()) return false;
            const place = node.getBoundingClientRect();
            return !arguments[1] || place.width > 0 && place.top >= 0 && place.left >= 0
              && place.bottom <= innerHeight + 1 && place.right <= innerWidth + 1;
            """,
            selector,
            in_window,
        )

    def overflow(self):
        return self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def worst_contrast(self):
        return self.run(CONTRAST)

    def small_targets(self, least):
        return self.run(
            """
            return [...document.querySelectorAll('button, input, summary, textarea')].filter(node =>
              node.checkVisibility() && node.getBoundingClientRect().height < arguments[0]).map(node => node.outerHTML);
            """,
            least,
        )

    def nameless(self):
        return self.run(
            """
            return [...document.querySelectorAll('input, textarea, button')].filter(node =>
              !node.ariaLabel && !node.textContent.trim() && !node.labels?.[0]?.textContent.trim())
              .map(node => node.outerHTML);
            """
        )

    def requests(self):
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.addresses.append(message["params"]["request"]["url"])
        return [address for address in self.addresses if not address.startswith("data:")]

    def errors(self):
        self.lines += [line for line in self.driver.get_log("browser") if line["level"] in ("SEVERE", "WARNING")]
        return [line["message"] for line in self.lines]

    # Pictures

    def emulate(self, width, height, mode, is_phone):
        size = {"width": width, "height": height, "deviceScaleFactor": 2 if is_phone else 1, "mobile": is_phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": is_phone})
        scheme = {"features": [{"name": "prefers-color-scheme", "value": mode}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)

    def scroll_to_end_of_text(self):
        self.run("scrollTo(0, 0); scrollBy(0, Math.max(0, overlap()))")
        if self.number_of("details[open]") and self.run("return innerWidth < 600"):
            self.run("for (const node of document.querySelectorAll('details')) node.open = false")

    def scroll_to(self, selector, opened):
        self.run(
            """
            for (const node of document.querySelectorAll('details')) node.open = arguments[1];
            document.querySelector(arguments[0]).scrollIntoView();
            """,
            selector,
            opened,
        )

    def screenshot(self, name):
        time.sleep(0.1)
        data = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
        (self.screenshots / f"{name}.png").write_bytes(base64.b64decode(data))
