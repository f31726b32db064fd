import av
import numpy as np
import pytest
from clips import HEIGHT, STAMPS, WIDTH, colours, pictures, turned, write
from PIL import Image

from tfseg.composite import cut_out
from tfseg.image import ImageError
from tfseg.results import Recipe
from tfseg.segmenter import Segmenter
from tfseg.video import VideoBackground, convert
from tfseg.videoreader import VideoError


@pytest.fixture
def clip(tmp_path):
    return write(tmp_path / "clip.mp4")


def recipe(effect=lambda image, alpha, seconds: image, **settings):
    def red(frame):
        return (frame[..., 0] > frame[..., 1] + 60.0).astype(np.float32)

    return Recipe(Segmenter(red, 96, 128), lambda image: image, lambda alpha, image: alpha, effect, **settings)


def cut(image, alpha, seconds):
    return cut_out(image, (alpha > 0.5).astype(np.float32))


def sound(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_frames_time_stamps_and_sound_are_kept(tmp_path, clip):
    advanced = []
    convert(clip, tmp_path / "out.mp4", recipe(), lambda: advanced.append(1))
    before, after = pictures(clip), pictures(tmp_path / "out.mp4")
    assert [round(1000 * picture.seconds) for picture in after] == STAMPS and len(advanced) == len(STAMPS)
    for one, other in zip(before, after, strict=True):
        assert np.abs(one.pixels.astype(int) - other.pixels).mean() < 4
    assert sound(tmp_path / "out.mp4") == sound(clip)
    with av.open(str(clip)) as given, av.open(str(tmp_path / "out.mp4")) as made:
        assert abs(given.duration - made.duration) <= 40_000
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_turned_video_is_set_upright(tmp_path, clip):
    convert(turned(tmp_path / "turned.mp4", clip), tmp_path / "out.mp4", recipe())
    picture = pictures(tmp_path / "out.mp4")[5].pixels
    assert picture.shape == (WIDTH, HEIGHT, 3)
    upper_right = colours(picture)[1]
    assert upper_right[0] > 180 and upper_right[1] < 60, "the upper left quarter, turned clockwise"


@pytest.mark.parametrize("matrix", [None, 1])
def test_colours_stay_whatever_the_colour_matrix(tmp_path, matrix):
    given = write(tmp_path / "given.mp4", matrix=matrix)
    convert(given, tmp_path / "out.mp4", recipe())
    with av.open(str(tmp_path / "out.mp4")) as made:
        assert made.streams.video[0].codec_context.colorspace == (matrix or 2)
    assert colours(pictures(tmp_path / "out.mp4")[3].pixels)[0] == pytest.approx(np.array([220, 20, 20]), abs=8)


def test_transparency_in_webm_with_sound_encoded_anew(tmp_path, clip):
    convert(clip, tmp_path / "out.webm", recipe(cut))
    with av.open(str(tmp_path / "out.webm")) as container:
        stream = container.streams.video[0]
        assert container.streams.audio[0].codec_context.name == "opus"
        decoder = av.CodecContext.create("libvpx-vp9", "r")  # FFmpeg's own VP9 decoder reads no alpha
        frames = [frame for packet in container.demux(stream) for frame in decoder.decode(packet)]
    assert [round(1000 * frame.time) for frame in frames] == STAMPS
    alpha = [corner[3] for corner in colours(frames[4].to_ndarray(format="rgba"))]
    assert alpha[0] > 250 and max(alpha[1:]) < 5


def test_transparency_in_prores(tmp_path, clip):
    convert(clip, tmp_path / "out.mov", recipe(cut))
    with av.open(str(tmp_path / "out.mov")) as container:
        assert container.streams.video[0].codec_context.profile == "4444"
        frames = list(container.decode(video=0))
    assert [round(1000 * frame.time) for frame in frames] == STAMPS
    alpha = [corner[3] for corner in colours(frames[4].to_ndarray(format="rgba"))]
    assert alpha[0] > 250 and max(alpha[1:]) < 5


@pytest.mark.parametrize("effect, left", [(cut, 0), (lambda image, alpha, seconds: image, 255)])
def test_an_animated_gif_with_and_without_transparency(tmp_path, clip, effect, left):
    convert(clip, tmp_path / "out.gif", recipe(effect))
    with Image.open(tmp_path / "out.gif") as picture:
        assert picture.n_frames == len(STAMPS)
        shown = []
        for index in range(picture.n_frames):
            picture.seek(index)
            shown.append(picture.info["duration"])
        corners = colours(np.asarray(picture.convert("RGBA")))
    assert shown[:-1] == np.diff(STAMPS).tolist()
    assert corners[0][3] == 255 and corners[3][3] == left
    convert(tmp_path / "out.gif", tmp_path / "again.gif", recipe(every=3))
    assert [round(1000 * picture.seconds) for picture in pictures(tmp_path / "again.gif")] == STAMPS[::3]


def test_masks_become_grey_video_and_odd_sides_are_made_even(tmp_path, clip):
    mask = recipe(lambda image, alpha, seconds: np.round(alpha * 255).astype(np.uint8)[:-1, :-1])
    convert(clip, tmp_path / "mask.mp4", mask)
    corners = colours(pictures(tmp_path / "mask.mp4")[2].pixels)
    assert corners[0].min() > 240 and max(corner.max() for corner in corners[1:]) < 15


def test_a_recording_that_starts_late_starts_at_once(tmp_path):
    late = write(tmp_path / "late.ts", [1400 + stamp for stamp in STAMPS], sound=None)
    convert(late, tmp_path / "out.mp4", recipe())
    assert [round(1000 * picture.seconds) for picture in pictures(tmp_path / "out.mp4")] == STAMPS


@pytest.mark.parametrize("name, content", [("text.mp4", b"no video"), ("missing.mp4", None), ("empty.mp4", b"")])
def test_what_is_no_video_is_named_and_leaves_nothing(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=name):
        convert(tmp_path / name, tmp_path / "new" / "out.mp4", recipe())
    assert not (tmp_path / "new").exists()


def test_sound_alone_is_no_video(tmp_path, clip):
    with av.open(str(tmp_path / "tone.mp4"), "w") as container, av.open(str(clip)) as given:
        stream = container.add_stream_from_template(given.streams.audio[0])
        for packet in given.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    with pytest.raises(VideoError, match="tone.mp4: holds no video stream"):
        convert(tmp_path / "tone.mp4", tmp_path / "out.mp4", recipe())


def test_a_fault_on_the_way_leaves_nothing(tmp_path, clip):
    def fail(image, alpha, seconds):
        if seconds > 0.2:
            raise ImageError("half-way")
        return image

    with pytest.raises(ImageError, match="half-way"):
        convert(clip, tmp_path / "out.mp4", recipe(fail))
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_video_as_background_keeps_its_own_time_and_begins_again(clip):
    background = VideoBackground(clip)

    def grey(seconds):
        return round(background.at(seconds)[-4, -4].mean() / 20)

    assert [grey(seconds) for seconds in (0, 0.05, 0.11, 0.45, 0.47)] == [0, 1, 2, 8, 9]
    assert grey(0.5 + 0.11) == 2, "it lasts 0.5 s"
    assert grey(0.04) == 1
