import av
import pytest

from export import jobs


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(jobs, "FRAMES", 4)
    monkeypatch.setattr(jobs, "REPEATS", 1)
    monkeypatch.setattr(jobs, "PHOTO", (400, 300))


def test_a_clip_moves_and_has_the_size_and_length_it_is_said_to_have(tmp_path):
    jobs.draw_clip(tmp_path / "clip.mp4", 90, 160)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [frame.shape for frame in frames] == [(90, 160, 3)] * 4
    assert (frames[0] != frames[3]).any()


def test_a_video_is_timed_by_stage_and_as_a_whole(tmp_path):
    job = jobs.time_video(tmp_path, 90, 160)
    assert list(job["stages"]) == ["decode", "segment", "finish", "effect", "encode"]
    assert min(job["stages"].values()) > 0 and job["rate"] > 0
    assert job["result"] == f"{job['rate']:.1f} frames per second"


def test_a_photo_is_timed_by_stage_and_as_the_command_that_a_user_types(tmp_path):
    job = jobs.time_photo(tmp_path)
    assert list(job["stages"]) == ["decode", "segment", "finish", "effect", "encode"]
    assert sum(job["stages"].values()) / 1000 < job["seconds"], "the command also starts and loads the model"
    assert "300x400" in job["name"]
