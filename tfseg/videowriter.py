"""The side of a video that is written: which codec holds which result, time stamps, colour coding, sound."""

from fractions import Fraction

import av
import cv2

# By extension and transparency: encoder, pixel layout, and settings beside the encoder's own quality default. libvpx
# has none: it would aim at 256 kbit/s whatever the size, so that FFmpeg's guide recommends a constant quality.
ENCODERS = {
    (".mp4", False): ("libx264", "yuv420p", {}),
    (".mov", False): ("libx264", "yuv420p", {}),
    (".mov", True): ("prores_ks", "yuva444p10le", {"profile": "4444"}),
    (".webm", False): ("libvpx-vp9", "yuv420p", {"crf": "31", "b": "0", "row-mt": "1", "cpu-used": "4"}),
    (".webm", True): (
        "libvpx-vp9", "yuva420p", {"crf": "31", "b": "0", "row-mt": "1", "cpu-used": "4", "auto-alt-ref": "0"}
    ),
    (".gif", False): ("gif", "pal8", {}),
    (".gif", True): ("gif", "pal8", {}),
}  # fmt: skip
WRITABLE = (".mp4", ".webm", ".mov", ".gif")
SOUND = {".mp4": "aac", ".mov": "aac", ".webm": "libopus"}  # for sound that the format cannot hold as it is
LAYOUTS = {3: "rgb24", 4: "rgba"}
UNSPECIFIED, LIMITED = 2, 1  # codes of colour matrix and colour range (ITU-T H.273)
MATRICES = {1: 1, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # the file's matrix to the one that FFmpeg's scaler computes with
CENTISECOND = Fraction(1, 100)
SHORTEST = 2  # centiseconds; browsers show a GIF's frame of less for ten


class VideoWriter:
    """Writes pictures, and beside them the sound of the video they were made from.

    Args:
        path: of the result; its extension names the format.
        given: the opened container that pictures and sound come from.
        stream: its video stream.
    """

    def __init__(self, path, given, stream):
        self.path, self.extension, self.given, self.origin = path, path.suffix.lower(), given, stream
        self.container = self.stream = self.palette = None
        self.waiting, self.sound, self.pictures, self.last = [], {}, 0, None
        # A recording that was cut out of a longer one starts late; pictures and sound are moved alike.
        self.start = Fraction(max(given.start_time or 0, 0), av.time_base)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.container is None:
            return
        try:
            if kind is None:
                self._finish()
        finally:
            self.container.close()

    def write(self, item):
        """Adds a `tfseg.videoreader.Picture`, or a packet of the sound."""
        if isinstance(item, av.Packet):
            if self.container is None:
                self.waiting.append(item)  # the container opens with the size of the first picture
            else:
                self._write_sound(item)
            return
        if self.container is None:
            self._open(item.pixels)
        self.pictures += 1
        self._write_picture(item)

    def _open(self, pixels):
        height, width, transparent = *pixels.shape[:2], pixels.ndim == 3 and pixels.shape[2] == 4
        codec, self.layout, options = ENCODERS[self.extension, transparent]
        movie = self.extension in (".mp4", ".mov")
        self.container = av.open(str(self.path), "w", options={"movflags": "faststart"} if movie else {})
        rate = self.origin.average_rate or self.origin.guessed_rate or 25
        self.stream = self.container.add_stream(codec, rate=rate, options=dict(options))
        odd = codec == "libx264"  # it halves the colour's resolution and takes no odd side
        self.stream.width, self.stream.height = width + odd * (width % 2), height + odd * (height % 2)
        if self.origin.codec_context.sample_aspect_ratio and codec != "gif":
            self.stream.codec_context.sample_aspect_ratio = self.origin.codec_context.sample_aspect_ratio
        self.stream.pix_fmt = self.layout
        self.base = CENTISECOND if codec == "gif" else self.origin.time_base
        self.stream.time_base = self.stream.codec_context.time_base = self.base
        self._copy_colour_coding(self.stream.codec_context, self.origin.codec_context)
        if codec == "gif":
            self.palette = _palette(width, height, transparent)
        else:
            for stream in self.given.streams.audio:
                self.sound[stream.index] = self._add_sound(stream)
        for packet in self.waiting:
            self._write_sound(packet)
        self.waiting = []

    def _copy_colour_coding(self, made, given):
        if self.layout == "pal8":
            return
        self.matrix = MATRICES.get(int(given.colorspace))
        made.colorspace = given.colorspace if self.matrix else UNSPECIFIED
        made.color_primaries, made.color_trc = given.color_primaries, given.color_trc
        made.color_range = LIMITED

    def _write_picture(self, picture):
        pixels = picture.pixels if picture.pixels.ndim == 3 else cv2.cvtColor(picture.pixels, cv2.COLOR_GRAY2RGB)
        bottom, right = self.stream.height - pixels.shape[0], self.stream.width - pixels.shape[1]
        if bottom or right:
            pixels = cv2.copyMakeBorder(pixels, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
        frame = av.VideoFrame.from_ndarray(pixels, LAYOUTS[pixels.shape[2]])
        origin = self.origin.time_base
        stamp = round((picture.stamp * origin - self.start) / self.base)
        if self.palette:
            if self.last is not None and stamp - self.last < SHORTEST:
                return
        else:
            frame = frame.reformat(format=self.layout, dst_colorspace=self.matrix, dst_color_range=LIMITED)
        self.last = stamp
        frame.pts, frame.time_base = stamp, self.base
        frame.duration = round(picture.duration * origin / self.base)
        for ready in self.palette(frame) if self.palette else [frame]:
            self.container.mux(self.stream.encode(ready))

    def _add_sound(self, stream):
        """The stream that a sound stream goes into, and whether it is copied there."""
        if stream.codec_context.codec.canonical_name in self.container.supported_codecs:
            return self.container.add_stream_from_template(stream), True
        layout = "mono" if stream.codec_context.channels == 1 else "stereo"
        return self.container.add_stream(SOUND[self.extension], rate=48000, layout=layout), False

    def _write_sound(self, packet):
        if packet.stream.index not in self.sound or packet.size == 0:
            return
        stream, copied = self.sound[packet.stream.index]
        moved = round(self.start / packet.time_base)
        if copied:
            if packet.dts is None or packet.pts is None:
                return
            packet.pts, packet.dts, packet.stream = packet.pts - moved, packet.dts - moved, stream
            self.container.mux(packet)
            return
        for frame in packet.decode():
            frame.pts = frame.pts - moved
            self.container.mux(stream.encode(frame))

    def _finish(self):
        for ready in self.palette(None) if self.palette else []:
            self.container.mux(self.stream.encode(ready))
        self.container.mux(self.stream.encode(None))
        for stream, copied in self.sound.values():
            if not copied:
                self.container.mux(stream.encode(None))


def _palette(width, height, transparent):
    """A function from an RGB frame to frames of at most 256 colours, each with its own palette.

    One palette for all frames would need all of them in memory.
    """
    graph = av.filter.Graph()
    layout = "rgba" if transparent else "rgb24"
    source = graph.add_buffer(width=width, height=height, format=layout, time_base=CENTISECOND)
    split, sink = graph.add("split"), graph.add("buffersink")
    choose = graph.add("palettegen", f"stats_mode=single:reserve_transparent={int(transparent)}")
    use = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4")  # a regular pattern does not crawl
    source.link_to(split)
    split.link_to(choose, 0, 0)
    split.link_to(use, 1, 0)
    choose.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()

    def reduce(frame):
        graph.vpush(frame)
        while True:
            try:
                yield graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return

    return reduce
