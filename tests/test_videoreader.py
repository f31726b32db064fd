import av
import numpy as np
import pytest
from clips import HEIGHT, STAMPS, WIDTH, colours, painted, pictures, turned, write

from tfseg.videoreader import VideoError, count_frames, is_video, opened


@pytest.fixture
def clip(tmp_path):
    return write(tmp_path / "clip.mp4")


def test_frames_come_with_their_time_stamps(clip):
    read = pictures(clip)
    assert [round(1000 * picture.seconds) for picture in read] == STAMPS
    assert np.abs(read[7].pixels.astype(int) - painted(7)).mean() < 4
    assert count_frames(clip) == len(STAMPS)


def test_a_turned_video_is_set_upright(tmp_path, clip):
    picture = pictures(turned(tmp_path / "turned.mp4", clip))[5].pixels
    assert picture.shape == (WIDTH, HEIGHT, 3)
    upper_right = colours(picture)[1]
    assert upper_right[0] > 180 and upper_right[1] < 60, "the upper left quarter, turned clockwise"


@pytest.mark.parametrize("name, content", [("text.mp4", b"no video"), ("missing.mp4", None), ("empty.mp4", b"")])
def test_what_is_no_video_is_named(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=name), opened(tmp_path / name):
        pass
    assert count_frames(tmp_path / name) == 0


@pytest.mark.parametrize("name", ["clip", "clip.dat"])
def test_a_name_that_says_nothing_is_judged_by_its_content(tmp_path, clip, name):
    assert is_video(clip.rename(tmp_path / name))
    (tmp_path / name).write_bytes(b"8BPS\0\1 a drawing of a program for drawings")
    assert not is_video(tmp_path / name)


def test_a_recording_that_tells_no_length_is_a_video_under_any_name(tmp_path):
    with av.open(str(tmp_path / "recording"), "w", format="webm", options={"live": "1"}) as container:
        stream = container.add_stream("libvpx", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(painted(index), "rgb24")))
        container.mux(stream.encode(None))
    assert count_frames(tmp_path / "recording") == 0
    assert is_video(tmp_path / "recording")
