package tfseg

import java.io.File
import javax.imageio.ImageIO
import kotlin.math.abs
import org.json.JSONObject

/** The bundle under test, and its pictures as this machine decodes them. */
object Bundle {
    val folder = File(System.getProperty("bundle"))
    val json = JSONObject(File(folder, "model.json").readText())

    init {
        System.load(System.getProperty("runtime")) // on a phone, TensorFlow Lite finds its library in the app
    }

    fun open(file: String) = File(folder, file).inputStream()

    fun picture(file: String): ArrayPicture {
        val image = ImageIO.read(File(folder, file)) ?: error("$file: not a picture")
        val grey = image.raster.numBands == 1
        return ArrayPicture(image.width, image.height, IntArray(image.width * image.height) {
            // ImageIO takes grey for linear light and would change its values; the stored ones are wanted.
            val x = it % image.width
            val y = it / image.width
            if (grey) 0x10101 * image.raster.getSample(x, y, 0) or (255 shl 24) else image.getRGB(x, y)
        })
    }

    fun segmenter(kind: String? = null, gpu: Boolean = false, log: (String) -> Unit = {}) =
        PersonSegmenter(::open, kind, gpu = gpu, log = log)

    /** Photos with every stage of their way to an alpha. */
    fun photos() = json.getJSONObject("golden").getJSONArray("photos").let { list ->
        List(list.length()) { list.getJSONObject(it) }
    }
}

/** Largest and mean absolute difference of unsigned bytes. */
fun differences(expected: ByteArray, given: ByteArray): Pair<Int, Double> {
    check(expected.size == given.size) { "${given.size} values, not ${expected.size}" }
    val each = expected.indices.map { abs((expected[it].toInt() and 255) - (given[it].toInt() and 255)) }
    return each.max() to each.average()
}

fun Picture.grey() = held().pixels.let { pixels -> ByteArray(pixels.size) { blue(pixels[it]).toByte() } }
