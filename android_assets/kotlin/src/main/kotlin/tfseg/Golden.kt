package tfseg

import kotlin.math.abs

/**
 * Feeds the bundle's golden pairs to this segmenter's models.
 *
 * @param decode opens a PNG of the bundle by its name there.
 * @return by file of the answer, the mean absolute difference over its pixels, of 255. More than the contract's
 *   [Contract.tolerance] means that this runtime answers otherwise.
 */
fun PersonSegmenter.replayGolden(decode: (String) -> Picture): Map<String, Double> {
    val differences = mutableMapOf<String, Double>()
    for (pair in contract.pairs) for ((file, model) in pair.answers) {
        if (model !in models.toList()) continue
        val given = answer(decode(pair.input).bytes(), model)
        val expected = decode(file).held().pixels
        differences[file] =
            given.indices.sumOf { abs(given[it] * model.output.unit - blue(expected[it])).toDouble() } / given.size
    }
    return differences
}

/** A golden frame by file, and the files of what models answer to it. */
class GoldenPair(val input: String, val answers: Map<String, ModelInfo>)

/** `[height, width, 3]` RGB. */
internal fun Picture.bytes(): ByteArray {
    val pixels = held().pixels
    return ByteArray(3 * pixels.size) { (pixels[it / 3] shr CHANNELS[it % 3]).toByte() }
}
