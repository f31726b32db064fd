package tfseg

/** How much of each pixel of a photo is person: `values[y * width + x]`, unsigned bytes, 255 is all person. */
class Alpha(val width: Int, val height: Int, val values: ByteArray) {
    /** Copies with every value exchanged for `change(value)`, 0..1 to 0..1. */
    internal fun map(change: (Float) -> Float): Alpha {
        val changed = ByteArray(256) { byte(255 * change(it / 255f)).toByte() }
        return Alpha(width, height, ByteArray(values.size) { changed[values[it].toInt() and 255] })
    }
}

/**
 * Brings a probability to the photo's size along the photo's own edges: a local linear model from grey to probability
 * is fitted in the small frame and applied to the large photo.
 *
 * @param probability of the whole frame, `[height, width]`, 0..1.
 * @param frame the letterboxed photo, `[height, width, 3]` RGB bytes, [width] pixels wide.
 * @param box where the photo lies in the frame.
 */
fun upsample(
    probability: FloatArray,
    frame: ByteArray,
    width: Int,
    box: Box,
    photo: Picture,
    rule: UpsampleRule,
): Alpha {
    val guide = Plane(box) { y, x ->
        val place = 3 * ((box.top + y) * width + box.left + x)
        rule.grey(frame[place].toInt() and 255, frame[place + 1].toInt() and 255, frame[place + 2].toInt() and 255)
    }
    val person = Plane(box) { y, x -> probability[(box.top + y) * width + box.left + x] }
    val meanGuide = guide.blurred(rule.radius)
    val meanPerson = person.blurred(rule.radius)
    val both = (guide * person).blurred(rule.radius)
    val squared = (guide * guide).blurred(rule.radius)
    val slope = Plane(box) { y, x ->
        (both[y, x] - meanGuide[y, x] * meanPerson[y, x]) /
            (squared[y, x] - meanGuide[y, x] * meanGuide[y, x] + rule.epsilon)
    }
    val offset = Plane(box) { y, x -> meanPerson[y, x] - slope[y, x] * meanGuide[y, x] }
    return applied(slope.blurred(rule.radius), offset.blurred(rule.radius), photo, rule)
}

private fun applied(slope: Plane, offset: Plane, photo: Picture, rule: UpsampleRule): Alpha {
    val across = Taps.bilinear(slope.width, photo.width)
    val down = Taps.bilinear(slope.height, photo.height)
    val alpha = Alpha(photo.width, photo.height, ByteArray(photo.width * photo.height))
    val pixels = IntArray(photo.width)
    val slopes = FloatArray(slope.width)
    val offsets = FloatArray(slope.width)
    for (y in 0 until photo.height) {
        photo.readRow(y, pixels)
        slope.between(down, y, slopes)
        offset.between(down, y, offsets)
        for (x in pixels.indices) {
            val grey = rule.grey(red(pixels[x]), green(pixels[x]), blue(pixels[x]))
            val value = across.at(slopes, x) * grey + across.at(offsets, x)
            alpha.values[y * photo.width + x] = byte(255 * value).toByte()
        }
    }
    return alpha
}

private fun Taps.at(values: FloatArray, x: Int): Float {
    var sum = 0f
    for (tap in weights[x].indices) sum += weights[x][tap] * values[start[x] + tap]
    return sum
}

/** Numbers at every pixel of a box. */
internal class Plane(val height: Int, val width: Int, val values: FloatArray) {
    constructor(box: Box, value: (y: Int, x: Int) -> Float) :
        this(box.height, box.width, FloatArray(box.height * box.width) { value(it / box.width, it % box.width) })

    operator fun get(y: Int, x: Int) = values[y * width + x]

    operator fun times(other: Plane) = Plane(height, width, FloatArray(values.size) { values[it] * other.values[it] })

    /** The row that [taps] mix for row [y] of a taller picture. */
    fun between(taps: Taps, y: Int, row: FloatArray) {
        row.fill(0f)
        taps.weights[y].forEachIndexed { tap, weight ->
            for (x in row.indices) row[x] += weight * this[taps.start[y] + tap, x]
        }
    }

    /** Mean over squares of `2 * radius + 1` pixels; the border is a mirror, its own pixels included. */
    fun blurred(radius: Int): Plane {
        val side = 2 * radius + 1
        val rows = FloatArray(values.size)
        val columns = IntArray(width + 2 * radius) { reflected(it - radius, width) }
        for (y in 0 until height) for (x in 0 until width) {
            var sum = 0f
            for (step in 0 until side) sum += values[y * width + columns[x + step]]
            rows[y * width + x] = sum
        }
        val result = FloatArray(values.size)
        for (y in 0 until height) for (step in -radius..radius) {
            val from = reflected(y + step, height) * width
            for (x in 0 until width) result[y * width + x] += rows[from + x]
        }
        for (i in result.indices) result[i] /= (side * side).toFloat()
        return Plane(height, width, result)
    }
}

private fun reflected(place: Int, size: Int): Int {
    val folded = Math.floorMod(place, 2 * size)
    return if (folded < size) folded else 2 * size - 1 - folded
}
