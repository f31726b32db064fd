"""tfseg: labelled photos of people in, a small proven on-device model out, and the same model cutting people out.

person = tfseg.cut_out("me.jpg")    # uint8 [H, W, 4], transparent where nobody is
"""

import functools

__version__ = "0.1.0"


def cut_out(photo, model=None):
    """Cuts the people out of a photo, as `tfseg cutout` does.

    >>> import tfseg
    >>> from tfseg.sample import portraits
    >>> photo, _ = portraits()["grace_hopper"]
    >>> person = tfseg.cut_out(photo)
    >>> person.shape, person.dtype
    ((600, 512, 4), dtype('uint8'))
    >>> int(person[20, 20, 3]), int(person[300, 250, 3])  # how opaque: the wall, the face
    (0, 255)

    The steps of their own, and another background:

    >>> from tfseg.composite import replace_background
    >>> from tfseg.matte import finish
    >>> from tfseg.segmenter import Segmenter
    >>> segmenter = Segmenter.load()
    >>> alpha = finish(segmenter.alpha(photo, mirror=True), segmenter.threshold)
    >>> replace_background(photo, alpha, (0, 177, 64))[20, 20].tolist()
    [0, 177, 64]

    Args:
        photo: a path, the bytes of a picture file, or uint8 `[H, W, 3]` RGB.
        model: bundle folder, `.tflite` file or `.keras` checkpoint; None for the shipped model. It is loaded once.

    Returns:
        uint8 `[H, W, 4]` RGBA, not premultiplied.

    Raises:
        tfseg.image.ImageError: the photo cannot be read.
        tfseg.segmenter.ModelError: the model cannot be loaded.
    """
    from tfseg import composite, image, matte

    pixels = photo if hasattr(photo, "shape") else image.read_image(photo)
    segmenter = _segmenter(model)
    return composite.cut_out(pixels, matte.finish(segmenter.alpha(pixels, mirror=True), segmenter.threshold))


@functools.cache
def _segmenter(model):
    from tfseg.segmenter import Segmenter

    return Segmenter.load(model)
