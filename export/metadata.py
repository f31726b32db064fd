"""TFLite metadata inside a .tflite file, so that MediaPipe Tasks' ImageSegmenter takes it as it is.

Tables are written by the slot numbers of the public schema (metadata_schema.fbs, identifier M001): the maintained
writer is part of mediapipe, which needs an environment of its own.
"""

import io
import zipfile

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from export.graph import pack_model

LABELS = "person\n"
LABELS_FILE = "labels.txt"
IMAGE_PROPERTIES, NORMALIZATION_OPTIONS, TENSOR_AXIS_LABELS = 2, 1, 2  # of the schema's unions and enumeration
RGB, GRAYSCALE = 1, 2
ACTIVATION_NONE = 0  # the sigmoid is inside the network
PARSER_VERSION = "1.5.0"  # the first one that reads custom metadata
NAME = "TFLITE_METADATA"


def add_metadata(content):
    """Adds metadata and labels to a .tflite file.

    Args:
        content: bytes of the file, without metadata.

    Returns:
        bytes: the file, its labels as a zip archive behind it. The same content gives the same bytes.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(build_metadata())
    model.buffers.append(buffer)
    entry.name, entry.buffer = NAME, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as labels:
        labels.writestr(zipfile.ZipInfo(LABELS_FILE), LABELS)  # its time is 1980 always
    return pack_model(model) + archive.getvalue()


def build_metadata():
    """The metadata of a person segmenter as flatbuffer bytes: raw RGB in, one confidence mask out, no activation."""
    builder = flatbuffers.Builder(0)
    normalization = _table(builder, {0: [0.0], 1: [1.0]})
    process_unit = _table(builder, {0: Byte(NORMALIZATION_OPTIONS), 1: normalization})
    image = _table(builder, {0: "image", 3: _content(builder, RGB), 4: [process_unit], 5: _range(builder, 255.0)})
    labels = _table(builder, {0: LABELS_FILE, 2: Byte(TENSOR_AXIS_LABELS)})
    person = _table(builder, {0: "person", 3: _content(builder, GRAYSCALE), 5: _range(builder, 1.0), 6: [labels]})
    options = _table(builder, {0: "SEGMENTER_METADATA", 1: _segmenter_options()})
    graph = _table(builder, {2: [image], 3: [person], 9: [options]})
    root = _table(builder, {0: "ImageSegmenter", 1: "Person segmentation", 3: [graph], 7: PARSER_VERSION})
    builder.Finish(root, b"M001")
    return bytes(builder.Output())


class Byte(int):
    """A one-byte field; plain integers are offsets of tables."""


def _content(builder, colour_space):
    return _table(builder, {0: Byte(IMAGE_PROPERTIES), 1: _table(builder, {0: Byte(colour_space)})})


def _range(builder, largest):
    return _table(builder, {0: [largest], 1: [0.0]})


def _segmenter_options():
    builder = flatbuffers.Builder(0)
    builder.Finish(_table(builder, {0: Byte(ACTIVATION_NONE), 1: "1.0.0"}), b"V001")
    return bytes(builder.Output())


def _table(builder, fields):
    """Writes a table: slot to str, bytes, list of floats, list of offsets, offset or `Byte`. Returns its offset."""
    placed = {slot: _placed(builder, value) for slot, value in fields.items()}
    builder.StartObject(max(fields) + 1)
    for slot, value in placed.items():
        if isinstance(value, Byte):
            builder.PrependInt8Slot(slot, value, -1)  # written even where it is the default
        else:
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
    return builder.EndObject()


def _placed(builder, value):
    """Writes what a field refers to."""
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, bytes):
        builder.StartVector(1, len(value), 16)
        builder.head -= len(value)
        builder.Bytes[builder.head : builder.head + len(value)] = value
        return builder.EndVector()
    if isinstance(value, list):
        builder.StartVector(4, len(value), 4)
        for element in reversed(value):
            builder.PrependFloat32(element) if isinstance(element, float) else builder.PrependUOffsetTRelative(element)
        return builder.EndVector()
    return value
