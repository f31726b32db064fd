from fractions import Fraction

import av
import numpy as np
import pytest

from tfseg.videoreader import Picture, opened, read_items
from tfseg.videowriter import VideoWriter

RATE = 48000


@pytest.fixture
def fast(tmp_path):
    """A hundred frames a second, ten of them, with uncompressed sound."""
    with av.open(str(tmp_path / "fast.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=100)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        tone = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for index in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((16, 32, 3), 20 * index, np.uint8), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        wave = np.round(8000 * np.sin(np.arange(RATE // 10) / 10)).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(wave, "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        container.mux(tone.encode(frame))
        container.mux(tone.encode(None))
    return tmp_path / "fast.mkv"


def rewritten(given, path, first="video"):
    with opened(given) as (container, stream), VideoWriter(path, container, stream) as writer:
        items = list(read_items(container, stream))
        for item in sorted(items, key=lambda item: isinstance(item, Picture) != (first == "video")):
            writer.write(item)
    return av.open(str(path))


def test_a_gif_has_no_frame_that_is_shown_for_less_than_two_hundredths(fast, tmp_path):
    with rewritten(fast, tmp_path / "out.gif") as made:
        assert [round(100 * frame.time) for frame in made.decode(video=0)] == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("extension, codec", [(".mp4", "pcm_s16le"), (".mov", "pcm_s16le"), (".webm", "opus")])
@pytest.mark.parametrize("first", ["video", "audio"])
def test_sound_is_copied_where_the_format_holds_it_and_lasts_as_long(fast, tmp_path, extension, codec, first):
    with rewritten(fast, tmp_path / f"out{extension}", first) as made:
        (stream,) = made.streams.audio
        assert stream.codec_context.name == codec
        samples = np.concatenate([frame.to_ndarray().ravel() for frame in made.decode(stream)])
    assert len(samples) / RATE == pytest.approx(0.1, abs=0.03)
    assert samples.astype(float).std() > 0.1 * (8000 if samples.dtype == np.int16 else 0.25)
    with av.open(str(tmp_path / f"out{extension}")) as made:
        assert sum(1 for _ in made.decode(video=0)) == 10


def test_pixels_that_are_no_squares_stay_none(fast, tmp_path):
    with rewritten(fast, tmp_path / "out.mp4") as made:
        assert made.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


def test_nothing_written_makes_no_file(fast, tmp_path):
    with opened(fast) as (container, stream), VideoWriter(tmp_path / "out.mp4", container, stream):
        pass
    assert not (tmp_path / "out.mp4").exists()
