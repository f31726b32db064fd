"""The picture of the page in the README: `make web-picture`."""

import functools
import http.server
import shutil
import sys
import threading

from playwright.sync_api import expect, sync_playwright

PATIENCE = 60_000  # milliseconds


def main(site, out):
    """Takes the example before a blue background in Debian's Chromium, and writes a JPEG of the page to `out`."""
    expect.set_options(timeout=PATIENCE)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    server = http.server.ThreadingHTTPServer(("localhost", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"http://localhost:{server.server_port}/")
        expect(page.locator(".offline")).to_be_visible()
        page.get_by_role("button", name="try an example").click()
        expect(page.locator(".figures")).to_contain_text(" s")
        page.get_by_text("Replace", exact=True).click()
        page.get_by_title("Blue").click()
        page.wait_for_timeout(500)
        expect(page.locator(".stage")).to_have_attribute("aria-busy", "false")
        page.screenshot(path=out, type="jpeg", quality=88)
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
