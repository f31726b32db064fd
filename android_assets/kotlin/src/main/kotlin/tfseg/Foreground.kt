package tfseg

import kotlin.math.max
import kotlin.math.min

private const val WORKING_SIDE = 384.0 // pixels; smooth colours lose nothing by being found in a smaller picture

/**
 * The person's own colours where the photo shows person and background mixed, so that no old background is left.
 *
 * Blur fusion in two passes, wide then narrow (Forte 2021, "Approximate Fast Foreground Colour Estimation"), in a
 * picture of at most 512 pixels; the fine detail is the photo's own.
 *
 * @return an opaque picture, the photo itself wherever [alpha] is 255.
 */
fun estimateForeground(photo: Picture, alpha: Alpha): Picture {
    require(alpha.width == photo.width && alpha.height == photo.height) {
        "alpha is ${alpha.width}x${alpha.height}, but the photo ${photo.width}x${photo.height}."
    }
    val small = photo.shrunk(WORKING_SIDE)
    val share = alpha.resized(small.width, small.height)
    val longer = max(small.width, small.height)
    val radii = intArrayOf(max(4, longer / 20), max(2, longer / 150))
    val fused = CHANNELS.map { shift ->
        fuse(FloatArray(share.size) { (small.pixels[it] shr shift and 255).toFloat() }, share, small.width, radii)
    }
    fun enlarged(layer: (Pair<FloatArray, FloatArray>) -> FloatArray): Picture {
        val (red, green, blue) = fused.map(layer)
        val pixels = IntArray(share.size) { opaque(red[it], green[it], blue[it]) }
        return ResizedPicture(ArrayPicture(small.width, small.height, pixels), photo.width, photo.height)
    }
    return Restored(photo, alpha, enlarged { it.first }, enlarged { it.second })
}

/** Foreground and background of one channel, smooth. */
private fun fuse(channel: FloatArray, share: FloatArray, width: Int, radii: IntArray): Pair<FloatArray, FloatArray> {
    val rest = FloatArray(share.size) { 1 - share[it] }
    var foreground = channel
    var background = channel
    for (radius in radii) {
        val near = weightedMean(foreground, share, width, radius)
        background = weightedMean(background, rest, width, radius)
        foreground = FloatArray(share.size) { restored(channel[it], share[it], near[it], background[it]) }
    }
    return foreground to background
}

/** Puts back into a smooth foreground colour what the photo shows beyond the mixture that it explains. */
private fun restored(photo: Float, share: Float, foreground: Float, background: Float) =
    (foreground + share * (photo - share * foreground - (1 - share) * background)).coerceIn(0f, 255f)

private fun weightedMean(values: FloatArray, weight: FloatArray, width: Int, radius: Int): FloatArray {
    val sums = boxSum(FloatArray(values.size) { values[it] * weight[it] }, width, radius)
    val weights = boxSum(weight, width, radius)
    return FloatArray(values.size) { sums[it] / (weights[it] + 1e-3f) }
}

/** Sum over a square of `2 * radius + 1` pixels, as far as it lies in the picture. */
private fun boxSum(values: FloatArray, width: Int, radius: Int): FloatArray {
    val height = values.size / width
    val rows = FloatArray(values.size)
    for (y in 0 until height) slide(values, rows, y * width, 1, width, radius)
    val result = FloatArray(values.size)
    for (x in 0 until width) slide(rows, result, x, width, height, radius)
    return result
}

private fun slide(from: FloatArray, to: FloatArray, start: Int, step: Int, count: Int, radius: Int) {
    var sum = 0.0
    for (i in 0 until min(radius, count)) sum += from[start + i * step]
    for (i in 0 until count) {
        if (i + radius < count) sum += from[start + (i + radius) * step]
        if (i - radius - 1 >= 0) sum -= from[start + (i - radius - 1) * step]
        to[start + i * step] = sum.toFloat()
    }
}

private class Restored(
    private val photo: Picture,
    private val alpha: Alpha,
    private val foreground: Picture,
    private val background: Picture,
) : Picture by photo {
    private val front = IntArray(photo.width)
    private val behind = IntArray(photo.width)

    override fun readRow(y: Int, pixels: IntArray) {
        photo.readRow(y, pixels)
        foreground.readRow(y, front)
        background.readRow(y, behind)
        for (x in 0 until width) {
            pixels[x] = when (val share = alpha.at(y, x)) {
                255 -> pixels[x] or (255 shl 24)
                0 -> front[x]
                else -> CHANNELS.fold(255 shl 24) { pixel, shift ->
                    fun channel(of: Int) = (of shr shift and 255).toFloat()
                    val own = restored(channel(pixels[x]), share / 255f, channel(front[x]), channel(behind[x]))
                    pixel or (byte(own) shl shift)
                }
            }
        }
    }
}

internal fun Alpha.at(y: Int, x: Int) = values[y * width + x].toInt() and 255

/** The alpha at a smaller size, 0..1. */
internal fun Alpha.resized(width: Int, height: Int): FloatArray {
    val grey = object : Picture {
        override val width = this@resized.width
        override val height = this@resized.height

        override fun readRow(y: Int, pixels: IntArray) {
            for (x in 0 until this.width) pixels[x] = 0x10101 * at(y, x)
        }
    }
    val pixels = ResizedPicture(grey, width, height).held().pixels
    return FloatArray(pixels.size) { blue(pixels[it]) / 255f }
}

/** The picture with its longer side at most [side] pixels. */
internal fun Picture.shrunk(side: Double): ArrayPicture {
    val scale = min(1.0, side / max(width, height))
    fun scaled(pixels: Int) = max(1, Math.rint(pixels * scale).toInt())
    return ResizedPicture(this, scaled(width), scaled(height)).held()
}

internal fun Picture.held(): ArrayPicture {
    val pixels = IntArray(width * height)
    val row = IntArray(width)
    for (y in 0 until height) {
        readRow(y, row)
        row.copyInto(pixels, y * width)
    }
    return ArrayPicture(width, height, pixels)
}
