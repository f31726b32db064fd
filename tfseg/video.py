"""Videos in, videos out: frame count, time stamps, rotation, colour coding and sound stay what they were.

    convert("me.mp4", "me.webm", recipe)    every frame through a `tfseg.results.Recipe`

Decoding, segmenting, the effect and encoding run side by side, a few frames apart, so that a video of any length takes
the memory of these frames.
"""

from contextlib import closing

from tfseg.ahead import ahead
from tfseg.allocator import keep_freed_memory
from tfseg.image import MAX_PIXELS
from tfseg.replacing import replacing
from tfseg.smoothing import Smoothing
from tfseg.videoreader import Picture, VideoError, opened, read_items
from tfseg.videowriter import VideoWriter


def convert(source, result, recipe, advance=lambda: None):
    """Makes a video of a video, under a temporary name first.

    Args:
        source: path of the video or animated GIF.
        result: path; its extension, one of `tfseg.videowriter.WRITABLE`, names the format. Sound is copied, or encoded
            anew where the format cannot hold it; a GIF has none.
        recipe: `tfseg.results.Recipe`.
        advance: called after every frame that is written.

    Raises:
        VideoError: the video cannot be read or the result not be encoded.
        OSError: the disk refuses.
    """
    keep_freed_memory()
    with (
        opened(source, recipe.max_pixels) as (given, stream),
        replacing(result) as temporary,
        VideoWriter(temporary, given, stream) as writer,
        closing(ahead(read_items(given, stream, recipe.every))) as frames,  # before what the threads use is closed
        closing(ahead(_segmented(frames, recipe))) as segmented,
        closing(ahead(_made(segmented, recipe))) as results,
    ):
        for item in results:
            writer.write(item)
            if isinstance(item, Picture):
                advance()
        if not writer.pictures:
            raise VideoError(f"{source}: holds no frame that can be read.")


def _segmented(items, recipe):
    """Each picture, fitted, with its alpha; sound goes through, with None."""
    smoothing = Smoothing(recipe.segmenter, recipe.smooth)
    for item in items:
        alpha = None
        if isinstance(item, Picture):
            item = item._replace(pixels=recipe.fit(item.pixels))
            alpha = smoothing.alpha(item.pixels)
        yield item, alpha


def _made(segmented, recipe):
    for item, alpha in segmented:
        if isinstance(item, Picture):
            item = item._replace(pixels=recipe.effect(item.pixels, recipe.finish(alpha, item.pixels), item.seconds))
        yield item


class VideoBackground:
    """A video as background: what it shows at a time, begun again when it ends before the person's does.

    Raises:
        VideoError: it cannot be read.
    """

    def __init__(self, path, max_pixels=MAX_PIXELS):
        self.path, self.max_pixels = path, max_pixels
        self._rewind()

    def at(self, seconds):
        """The frame shown at a time, uint8 `[H, W, 3]` RGB; going back in time starts from the first frame again."""
        if seconds < self.asked:
            self._rewind()
        self.asked = seconds
        while self.coming[0] <= seconds:
            self.shown, self.coming = self.coming, next(self.frames)
        return self.shown[1]

    def _rewind(self):
        self.asked, self.frames = 0, self._endless()
        try:
            self.shown, self.coming = next(self.frames), next(self.frames)
        except StopIteration:
            raise VideoError(f"{self.path}: holds no frame that can be read.") from None

    def _endless(self):
        begin, end = 0, 0
        while True:
            with opened(self.path, self.max_pixels) as (given, stream):
                for item in read_items(given, stream):
                    if isinstance(item, Picture):
                        yield begin + item.seconds, item.pixels
                        end = begin + item.seconds + float(item.duration * stream.time_base)
            if end == begin:
                return
            begin = end
