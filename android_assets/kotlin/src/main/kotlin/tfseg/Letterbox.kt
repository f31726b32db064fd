package tfseg

import kotlin.math.min

/** Where a letterboxed photo lies inside the frame, in pixels of the frame. */
class Box(val top: Int, val left: Int, val height: Int, val width: Int) {
    companion object {
        /** The largest centred box of the photo's proportions inside a frame of [height] x [width]. */
        fun fit(photoHeight: Int, photoWidth: Int, height: Int, width: Int): Box {
            val scale = min(height.toDouble() / photoHeight, width.toDouble() / photoWidth)
            fun side(photo: Int, limit: Int) = Math.rint(photo * scale).toInt().coerceIn(1, limit)
            val boxHeight = side(photoHeight, height)
            val boxWidth = side(photoWidth, width)
            return Box((height - boxHeight) / 2, (width - boxWidth) / 2, boxHeight, boxWidth)
        }
    }
}

/**
 * Fits a photo into a frame without stretching it.
 *
 * @param frame gets the frame, `[height, width, 3]` RGB as unsigned bytes; [padValue] beside the photo.
 */
fun letterbox(photo: Picture, height: Int, width: Int, padValue: Int, frame: ByteArray): Box {
    require(frame.size == 3 * height * width) { "frame holds ${frame.size} bytes, not 3 * $height * $width." }
    val box = Box.fit(photo.height, photo.width, height, width)
    val fitted = ResizedPicture(photo, box.width, box.height)
    val row = IntArray(box.width)
    frame.fill(padValue.toByte())
    for (y in 0 until box.height) {
        fitted.readRow(y, row)
        var place = 3 * ((box.top + y) * width + box.left)
        for (pixel in row) {
            frame[place++] = red(pixel).toByte()
            frame[place++] = green(pixel).toByte()
            frame[place++] = blue(pixel).toByte()
        }
    }
    return box
}
