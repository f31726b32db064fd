package tfseg

import kotlin.math.max
import kotlin.math.pow
import kotlin.math.sqrt

private const val MAX_STRENGTH = 0.2f
private const val BLUR_RADIUS = 12.0 // pixels, of a disc that looks round; a wider one is taken in a picture as much smaller

/**
 * Takes the last doubt out of an alpha: 0 up to [doubt] below [threshold], 1 from [doubt] above it on, and straight in
 * between; all three are on the scale 0..1.
 */
fun Alpha.firm(threshold: Float, doubt: Float): Alpha {
    val room = minOf(doubt, threshold, 1 - threshold)
    return map { 0.5f + (it - threshold) / (2 * room) }
}

/** The person on a transparent background, in the person's own colours at the edge (see [estimateForeground]). */
fun cutOut(photo: Picture, alpha: Alpha): Picture {
    val foreground = estimateForeground(photo, alpha)
    return object : Picture by foreground {
        override fun readRow(y: Int, pixels: IntArray) {
            foreground.readRow(y, pixels)
            for (x in 0 until width) pixels[x] = pixels[x] and 0xffffff or (alpha.at(y, x) shl 24)
        }
    }
}

/** The person before [background], which is scaled and cropped about its centre to fill the photo. */
fun replaceBackground(photo: Picture, alpha: Alpha, background: Picture): Picture {
    val scale = max(photo.height.toDouble() / background.height, photo.width.toDouble() / background.width)
    val width = max(photo.width, Math.rint(background.width * scale).toInt())
    val height = max(photo.height, Math.rint(background.height * scale).toInt())
    val filled = ResizedPicture(background, width, height)
    val left = (width - photo.width) / 2
    val top = (height - photo.height) / 2
    return blend(photo, alpha, object : Picture by photo {
        private val line = IntArray(filled.width)

        override fun readRow(y: Int, pixels: IntArray) {
            filled.readRow(top + y, line)
            line.copyInto(pixels, 0, left, left + photo.width)
        }
    })
}

/** The person before a plain colour, 0xRRGGBB. */
fun replaceBackground(photo: Picture, alpha: Alpha, colour: Int) = blend(photo, alpha, object : Picture by photo {
    override fun readRow(y: Int, pixels: IntArray) = pixels.fill(colour or (255 shl 24), 0, width)
})

/**
 * The person before a background out of focus.
 *
 * The blur is a disc's, over background pixels alone (normalised convolution, Knutsson and Westin 1993), so that the
 * person does not bleed into it.
 *
 * @param strength radius of the disc as a share of the photo's longer side, 0..0.2.
 */
fun blurBackground(photo: Picture, alpha: Alpha, strength: Float = 0.03f): Picture {
    require(strength in 0f..MAX_STRENGTH) { "strength must lie in 0..$MAX_STRENGTH; received $strength." }
    val small = photo.shrunk(BLUR_RADIUS / strength)
    val radius = Math.rint(strength.toDouble() * max(small.width, small.height)).toInt()
    if (radius == 0) return photo
    val shares = alpha.resized(small.width, small.height)
    val weight = FloatArray(shares.size) { 1 - shares[it] }
    val blurredWeight = disc(weight, small.width, radius)
    val channels = CHANNELS.map { shift ->
        val light = FloatArray(weight.size) { weight[it] * LINEAR[small.pixels[it] shr shift and 255] }
        disc(light, small.width, radius)
    }
    val pixels = IntArray(weight.size) { i ->
        CHANNELS.foldIndexed(255 shl 24) { c, pixel, shift ->
            pixel or (coded(channels[c][i] / (blurredWeight[i] + 1e-6f)) shl shift)
        }
    }
    val blurred = ArrayPicture(small.width, small.height, pixels)
    return blend(photo, alpha, ResizedPicture(blurred, photo.width, photo.height))
}

/** Mean over a disc, with zeros beyond the border; each of its chords is a difference of two running sums. */
private fun disc(values: FloatArray, width: Int, radius: Int): FloatArray {
    val height = values.size / width
    val chord = IntArray(2 * radius + 1) { sqrt((radius * radius - (it - radius) * (it - radius)).toFloat()).toInt() }
    val area = chord.sumOf { 2 * it + 1 }
    val result = FloatArray(values.size)
    val sums = DoubleArray(width + 1)
    for (from in 0 until height) {
        for (x in 0 until width) sums[x + 1] = sums[x] + values[from * width + x]
        for (y in max(0, from - radius)..minOf(height - 1, from + radius)) {
            val half = chord[from - y + radius]
            for (x in 0 until width) {
                val sum = sums[minOf(width, x + half + 1)] - sums[max(0, x - half)]
                result[y * width + x] += (sum / area).toFloat()
            }
        }
    }
    return result
}

/** Light adds up, coded pixel values do not: pixels that show both are mixed in linear light. */
private fun blend(photo: Picture, alpha: Alpha, background: Picture): Picture {
    val foreground = estimateForeground(photo, alpha)
    return object : Picture by foreground {
        private val behind = IntArray(foreground.width)

        override fun readRow(y: Int, pixels: IntArray) {
            foreground.readRow(y, pixels)
            background.readRow(y, behind)
            for (x in 0 until width) {
                val share = alpha.at(y, x) / 255f
                pixels[x] = when (share) {
                    0f -> behind[x]
                    1f -> pixels[x]
                    else -> mixed(pixels[x], behind[x], share)
                }
            }
        }
    }
}

private fun mixed(foreground: Int, background: Int, share: Float) = CHANNELS.fold(255 shl 24) { pixel, shift ->
    val light = LINEAR[foreground shr shift and 255] * share + LINEAR[background shr shift and 255] * (1 - share)
    pixel or (coded(light) shl shift)
}

internal val CHANNELS = intArrayOf(16, 8, 0)

/** sRGB bytes to linear light 0..1 (IEC 61966-2-1). */
private val LINEAR = FloatArray(256) {
    val code = it / 255f
    if (code <= 0.04045f) code / 12.92f else ((code + 0.055f) / 1.055f).pow(2.4f)
}

private fun coded(light: Float) =
    byte(255 * (if (light <= 0.0031308f) 12.92f * light else 1.055f * light.pow(1 / 2.4f) - 0.055f))
