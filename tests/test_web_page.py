"""The page in a real browser, Debian's Chromium without a screen. `make web-test` installs what is missing."""

import contextlib
import functools
import http.server
import re
import shutil
import threading

import cv2
import numpy as np
import pytest
from PIL import Image

from export.web.packages import PackageError
from export.web.site import build
from tfseg.composite import blur_background, cut_out, replace_background
from tfseg.image import read_image, write_image
from tfseg.matte import finish
from tfseg.metrics import dice
from tfseg.sample import person_free, portraits
from tfseg.segmenter import BUNDLED, Segmenter

CHROMIUM = shutil.which("chromium")
PATIENCE = 60_000  # milliseconds, for what the page computes on a busy machine
WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"]
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make web-test")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("web") / "site"
    try:
        build(out, BUNDLED)
    except PackageError as error:
        pytest.skip(str(error))
    return out


class Handler(http.server.SimpleHTTPRequestHandler):
    """As `python -m http.server` serves, but in silence."""

    headers_added = {}

    def end_headers(self):
        for name, value in self.headers_added.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_):
        pass


class Isolating(Handler):
    headers_added = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}


@contextlib.contextmanager
def served(folder, handler=Handler):
    server = http.server.ThreadingHTTPServer(("localhost", 0), functools.partial(handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def address(site):
    with served(site) as url:
        yield url


@pytest.fixture(scope="module")
def launch():
    """Opens browsers with given switches, once for each set of switches, and closes them in the end."""
    playwright.expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as play:
        opened = {}

        def browser(*switches):
            if switches not in opened:
                arguments = ["--no-sandbox", *switches]
                opened[switches] = play.chromium.launch(executable_path=CHROMIUM, args=arguments)
            return opened[switches]

        yield browser
        for each in opened.values():
            each.close()


class Visit:
    """A visitor's tab, which notes what must not happen: errors on the console, and requests to anywhere else."""

    def __init__(self, context, url):
        self.context, self.url, self.faults = context, url, []
        context.set_default_timeout(PATIENCE)
        self.page = context.new_page()
        self.page.on("console", lambda line: line.type == "error" and self.faults.append(line.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        context.on("request", self._request)
        self.page.goto(url)

    def _request(self, request):
        if request.url.startswith(("blob:", "data:")):
            return
        if request.method != "GET" or not request.url.startswith(self.url.split("?")[0]):
            self.faults.append(f"{request.method} {request.url}")

    def text(self, selector):
        return playwright.expect(self.page.locator(selector))

    def ready(self, delegate=""):
        self.text(".offline").to_be_visible(timeout=PATIENCE)
        self.text(".delegate").to_contain_text(delegate)
        return self

    def open(self, path):
        self.page.set_input_files("[name=photo]", path)
        self.finished(*Image.open(path).size)

    def finished(self, width, height):
        self.text(".figures").to_have_text(re.compile(rf"^{width} × {height} · [\d.]+ s$"))
        self.text(".busy").to_be_hidden()

    def choose(self, effect):
        self.page.get_by_text(effect, exact=True).click()

    def download(self, folder):
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name="Download").click()
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path


@pytest.fixture
def visit(launch, address):
    """`visit(query, *switches, **context)` opens the page for a new visitor; in the end there must be no fault."""
    with contextlib.ExitStack() as stack:
        visits = []

        def open_page(query="", *switches, url=address, **settings):
            context = stack.enter_context(contextlib.closing(launch(*switches).new_context(**settings)))
            visits.append(Visit(context, url + query))
            return visits[-1]

        yield open_page
        for each in visits:
            assert each.faults == []


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """The two portraits, a part of one that is wider than high, a rocket and plain grey: name to PNG file."""
    folder = tmp_path_factory.mktemp("photos")
    people = {name: image for name, (image, _) in portraits().items()}
    pictures = people | {
        "wide": people["astronaut"][40:340],
        "rocket": person_free(),
        "grey": np.full((400, 300, 3), 128, np.uint8),
    }
    for name, image in pictures.items():
        write_image(folder / f"{name}.png", image)
    return {name: folder / f"{name}.png" for name in pictures}


@functools.cache
def alpha_of(path, kind):
    """What Python makes of a photo, as `tfseg cutout` does."""
    segmenter = Segmenter.load(BUNDLED, kind)
    return finish(segmenter.alpha(read_image(path), mirror=True), segmenter.threshold)


def agree(path, kind, cutout, least):
    expected = alpha_of(path, kind)
    given = np.asarray(Image.open(cutout))
    assert given.shape == (*expected.shape, 4)
    assert expected.mean() > 0.05
    assert dice(expected >= 0.5, given[..., 3] >= 128) >= least
    assert np.abs(given[..., 3] / 255 - expected).mean() < 0.01
    opaque = given[..., 3] == 255
    assert np.abs(given[opaque][:, :3].astype(int) - cut_out(read_image(path), expected)[opaque][:, :3]).mean() < 0.5


@pytest.mark.parametrize("kind, least", [("float16", 0.998), ("int8", 0.99)])
def test_cut_outs_are_those_of_python(visit, photos, tmp_path, kind, least):
    tab = visit(f"?delegate=wasm&kind={kind}").ready(f"WebAssembly · {kind}")
    for name in ("astronaut", "grace_hopper", "wide"):
        tab.open(photos[name])
        cutout = tab.download(tmp_path)
        assert cutout.name == f"{name}-cutout.png"
        agree(photos[name], kind, cutout, least)


def test_golden_inputs_give_the_masks_of_python(visit, tmp_path):
    tab = visit("?delegate=wasm&kind=float16").ready()
    for name in ("astronaut", "grace_hopper_landscape"):
        path = BUNDLED / "golden" / f"{name}.png"
        tab.open(path)
        agree(path, "float16", tab.download(tmp_path), 0.998)


def test_on_webgpu_the_mask_is_that_of_python(visit, photos, tmp_path):
    tab = visit("?delegate=webgpu", *WEBGPU).ready("WebGPU · float16")
    tab.open(photos["astronaut"])
    agree(photos["astronaut"], "float16", tab.download(tmp_path), 0.998)


def test_a_gpu_in_software_is_not_taken_unless_asked_for(visit):
    visit("", *WEBGPU).ready("WebAssembly · int8")


def test_threads_are_used_on_a_host_that_isolates_the_page(visit, site, photos, tmp_path):
    with served(site, Isolating) as url:
        tab = visit(url=url).ready("threads · int8")
        tab.open(photos["astronaut"])
        agree(photos["astronaut"], "int8", tab.download(tmp_path), 0.99)


def test_blurred_and_replaced_backgrounds_are_those_of_python(visit, photos, tmp_path):
    tab = visit().ready()
    tab.open(photos["grace_hopper"])
    image, alpha = read_image(photos["grace_hopper"]), alpha_of(photos["grace_hopper"], "int8")

    def differs(expected, suffix):
        tab.text(".stage").to_have_attribute("aria-busy", "false")
        path = tab.download(tmp_path)
        assert path.name == f"grace_hopper-{suffix}.jpg"
        return np.abs(read_image(path).astype(int) - expected).mean()

    tab.choose("Blur")
    assert differs(blur_background(image, alpha), "blurred") < 1.5
    tab.choose("Replace")
    tab.page.get_by_title("Green").click()
    assert differs(replace_background(image, alpha, (0, 177, 64)), "replaced") < 1.5
    tab.page.set_input_files("[name=background]", photos["rocket"])
    tab.text(".picture").to_be_visible()
    assert differs(replace_background(image, alpha, read_image(photos["rocket"])), "replaced") < 1.5


def test_a_photo_of_twelve_megapixels_is_cut_out_at_its_full_size(visit, photos, tmp_path):
    large = cv2.resize(read_image(photos["astronaut"]), (4000, 3000), interpolation=cv2.INTER_CUBIC)
    write_image(tmp_path / "large.jpg", large)
    tab = visit().ready()
    tab.open(tmp_path / "large.jpg")
    agree(tmp_path / "large.jpg", "int8", tab.download(tmp_path), 0.99)


def test_a_photo_is_shown_upright_and_named_when_nobody_is_in_it(visit, photos, tmp_path):
    tab = visit().ready()
    turned = Image.open(photos["astronaut"]).crop((0, 0, 300, 500)).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    tab.page.set_input_files("[name=photo]", tmp_path / "turned.jpg")
    tab.finished(300, 500)
    agree(tmp_path / "turned.jpg", "int8", tab.download(tmp_path), 0.99)
    tab.open(photos["grey"])
    tab.text(".notice").to_have_text("No person was found in this photo.")


def test_a_file_that_is_no_picture_gets_a_message_and_the_next_photo_works(visit, photos, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    tab = visit().ready()
    tab.page.set_input_files("[name=photo]", tmp_path / "notes.txt")
    tab.text(".notice").to_have_text(
        "“notes.txt” is not a picture that this browser can read. Choose a JPEG, PNG or WebP."
    )
    tab.open(photos["astronaut"])
    tab.text(".notice").to_be_hidden()


def test_the_camera_is_shown_live_with_its_frames_per_second(visit, tmp_path):
    tab = visit("", *CAMERA).ready()
    tab.page.get_by_role("button", name="Use the camera").click()
    for effect in ("Remove", "Blur", "Replace"):
        tab.choose(effect)
        rate = re.compile(r"^640 × 480 · [\d.]+ frames per second$")
        tab.text(".figures").to_have_text(rate)
        before = tab.page.locator(".figures").inner_text()
        tab.text(".figures").not_to_have_text(before)
    assert Image.open(tab.download(tmp_path)).size == (640, 480)


def test_without_a_camera_the_visitor_is_told(visit):
    tab = visit().ready()
    tab.page.context.grant_permissions(["camera"])
    tab.page.get_by_role("button", name="Use the camera").click()
    tab.text(".notice").to_have_text("No camera was found on this device.")


def test_after_the_first_load_everything_works_without_the_server(visit, site, photos, tmp_path):
    with served(site) as url:
        tab = visit(url=url).ready()
    tab.page.reload()
    tab.ready("WebAssembly · int8")
    tab.page.get_by_role("button", name="try an example").click()
    tab.finished(512, 600)
    tab.open(photos["wide"])
    agree(photos["wide"], "int8", tab.download(tmp_path), 0.99)


def test_a_damaged_model_is_refused_by_name(launch, site, tmp_path):
    copy = shutil.copytree(site, tmp_path / "site")
    for path in (copy / "model").glob("*_int8.tflite"):
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    with served(copy) as url, contextlib.closing(launch().new_context()) as context:
        tab = Visit(context, url)
        tab.text(".notice").to_contain_text("_int8.tflite did not arrive, or is not the file")


@pytest.mark.parametrize(
    "lacking, message",
    [("WebAssembly", "too old to run the model"), ("OffscreenCanvas", "cannot draw beside the page")],
)
def test_a_browser_that_cannot_run_the_model_is_told_so(launch, address, lacking, message):
    with contextlib.closing(launch().new_context()) as context:
        context.add_init_script(f"delete globalThis.{lacking}")  # stands in for a browser that never had it
        Visit(context, address).text(".notice").to_contain_text(message)


def test_a_page_opened_from_a_folder_says_that_it_must_be_served(launch, site):
    with contextlib.closing(launch().new_context()) as context:
        Visit(context, (site / "index.html").as_uri()).text(".notice").to_contain_text("python -m http.server")


def test_everything_is_reached_by_keyboard(visit, tmp_path):
    tab = visit().ready()
    keyboard = tab.page.keyboard
    for _ in range(3):
        keyboard.press("Tab")
    keyboard.press("Enter")  # try an example
    tab.finished(512, 600)
    for _ in range(10):
        keyboard.press("Tab")
        if tab.page.evaluate("document.activeElement.name") == "effect":
            break
    keyboard.press("ArrowRight")
    assert tab.page.locator("[name=strength]").is_visible()
    keyboard.press("ArrowRight")
    assert tab.page.get_by_role("button", name="A picture…").is_visible()
    for _ in range(10):
        keyboard.press("Tab")
        if tab.page.evaluate("document.activeElement.dataset.action") == "download":
            break
    with tab.page.expect_download() as waiting:
        keyboard.press("Enter")
    assert waiting.value.suggested_filename == "example-replaced.jpg"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_in_both_schemes(visit, scheme):
    tab = visit(viewport={"width": 360, "height": 740}, color_scheme=scheme).ready()

    def fits():
        return tab.page.evaluate("document.documentElement.scrollWidth") <= 360

    assert fits()
    tab.page.get_by_role("button", name="try an example").click()
    tab.finished(512, 600)
    for effect in ("Blur", "Replace"):
        tab.choose(effect)
        assert fits()
    assert tab.page.get_by_role("button", name="Download").is_visible()
    shade = tab.page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    assert (int(shade) < 128) == (scheme == "dark")
