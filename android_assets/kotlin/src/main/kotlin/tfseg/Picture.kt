package tfseg

import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min

/**
 * A picture that is read row by row, top to bottom, so that a large photo is never held twice.
 *
 * Pixels are 0xAARRGGBB in sRGB, not premultiplied.
 */
interface Picture {
    val width: Int
    val height: Int

    /** Writes row [y] to the first [width] places of [pixels]. */
    fun readRow(y: Int, pixels: IntArray)
}

/** A picture that is held whole, `pixels[y * width + x]`. */
class ArrayPicture(override val width: Int, override val height: Int, val pixels: IntArray) : Picture {
    override fun readRow(y: Int, pixels: IntArray) {
        this.pixels.copyInto(pixels, 0, y * width, (y + 1) * width)
    }
}

/** A picture in another size: by area where it shrinks, bilinearly where it grows. Opaque. */
class ResizedPicture(private val source: Picture, override val width: Int, override val height: Int) : Picture {
    private val shrinks = width < source.width || height < source.height
    private val across = if (shrinks) Taps.area(source.width, width) else Taps.bilinear(source.width, width)
    private val down = if (shrinks) Taps.area(source.height, height) else Taps.bilinear(source.height, height)
    private val line = IntArray(source.width)
    private val sums = FloatArray(3 * width)

    // Neighbouring rows share at most the last two source rows, one with an odd number and one with an even one.
    private val kept = arrayOf(FloatArray(3 * width), FloatArray(3 * width))
    private val keptRow = intArrayOf(-1, -1)

    override fun readRow(y: Int, pixels: IntArray) {
        sums.fill(0f)
        val weights = down.weights[y]
        for (tap in weights.indices) {
            val row = narrowed(down.start[y] + tap)
            for (i in sums.indices) sums[i] += weights[tap] * row[i]
        }
        for (x in 0 until width) pixels[x] = opaque(sums[3 * x], sums[3 * x + 1], sums[3 * x + 2])
    }

    /** A source row at the new width: red, green, blue, red, ... */
    private fun narrowed(y: Int): FloatArray {
        val row = kept[y % 2]
        if (keptRow[y % 2] == y) return row
        source.readRow(y, line)
        for (x in 0 until width) {
            var red = 0f
            var green = 0f
            var blue = 0f
            val weights = across.weights[x]
            for (tap in weights.indices) {
                val pixel = line[across.start[x] + tap]
                red += weights[tap] * red(pixel)
                green += weights[tap] * green(pixel)
                blue += weights[tap] * blue(pixel)
            }
            row[3 * x] = red
            row[3 * x + 1] = green
            row[3 * x + 2] = blue
        }
        keptRow[y % 2] = y
        return row
    }
}

/** Along one axis, the source pixels that each new pixel is made of: from `start` on, one for each weight. */
class Taps private constructor(val start: IntArray, val weights: Array<FloatArray>) {
    companion object {
        /** Each new pixel is the mean of the stretch of the source that it covers; [to] is at most [from]. */
        fun area(from: Int, to: Int): Taps {
            val scale = from.toDouble() / to
            val start = IntArray(to) { floor(it * scale + SLACK).toInt() }
            return Taps(start, Array(to) {
                val end = min(from.toDouble(), (it + 1) * scale)
                val count = max(1, min(from, floor(end + 1 - SLACK).toInt()) - start[it])
                FloatArray(count) { tap ->
                    val pixel = start[it] + tap
                    ((min(end, pixel + 1.0) - max(it * scale, pixel.toDouble())) / scale).toFloat()
                }
            })
        }

        /** Each new pixel lies between two source pixels; pixels are sampled at their centres. */
        fun bilinear(from: Int, to: Int): Taps {
            val scale = from.toDouble() / to
            val place = DoubleArray(to) { ((it + 0.5) * scale - 0.5).coerceIn(0.0, from - 1.0) }
            val start = IntArray(to) { min(place[it].toInt(), max(0, from - 2)) }
            return Taps(start, Array(to) {
                val share = (place[it] - start[it]).toFloat()
                if (from == 1) floatArrayOf(1f) else floatArrayOf(1 - share, share)
            })
        }

        private const val SLACK = 1e-6 // a stretch shorter than this is an error of rounding
    }
}

internal fun red(pixel: Int) = pixel shr 16 and 255

internal fun green(pixel: Int) = pixel shr 8 and 255

internal fun blue(pixel: Int) = pixel and 255

/** An opaque pixel from three values about 0..255, rounded half to even. */
internal fun opaque(red: Float, green: Float, blue: Float) =
    255 shl 24 or (byte(red) shl 16) or (byte(green) shl 8) or byte(blue)

internal fun byte(value: Float) = Math.rint(value.toDouble()).toInt().coerceIn(0, 255)
