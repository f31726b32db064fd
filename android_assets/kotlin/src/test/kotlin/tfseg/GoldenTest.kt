package tfseg

import org.json.JSONObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Bytes in, bytes out, against what Python made. */
class GoldenTest {
    private val contract = Contract.parse(Bundle.json.toString())

    @Test
    fun everyGoldenPhotoBecomesThePythonFrame() = eachPhoto { golden, photo, model ->
        val frame = ByteArray(3 * model.input.height * model.input.width)
        val box = letterbox(photo, model.input.height, model.input.width, contract.padValue, frame)
        val expected = Bundle.picture(golden.getString("frame")).bytes()
        for (y in 0 until model.input.height) for (x in 0 until model.input.width) {
            val place = 3 * (y * model.input.width + x)
            val inside = y - box.top in 0 until box.height && x - box.left in 0 until box.width
            if (!inside) assertEquals(expected[place], frame[place], "beside the photo, at row $y, column $x")
        }
        val (largest, mean) = differences(expected, frame)
        println("${golden.getString("frame")}: largest difference $largest of 255, mean %.4f".format(mean))
        // One step where two roundings meet; Python enlarges in fixed point, which rounds oftener.
        assertTrue(largest <= 1 && mean < (if (photo.width < box.width) 0.15 else 0.02), "${golden.getString("frame")}: largest $largest, mean $mean")
    }

    @Test
    fun everyGoldenAnswerBecomesThePythonAlpha() = eachPhoto { golden, photo, model ->
        val frame = Bundle.picture(golden.getString("frame")).bytes()
        val box = Box.fit(photo.height, photo.width, model.input.height, model.input.width)
        val answer = Bundle.picture(golden.getString("answer")).grey()
        val probability = FloatArray(answer.size) {
            ((answer[it].toInt() and 255) - model.output.zeroPoint) / model.output.unit
        }
        val alpha = upsample(probability, frame, model.input.width, box, photo, contract.upsample)
        val (largest, mean) = differences(Bundle.picture(golden.getString("alpha")).grey(), alpha.values)
        println("${golden.getString("alpha")}: largest difference $largest of 255, mean %.4f".format(mean))
        assertTrue(largest <= 2 && mean < 0.001, "${golden.getString("alpha")}: largest $largest, mean $mean")
    }

    @Test
    fun theWholeWayFromPhotoToAlphaAgreesWithPython() {
        Bundle.segmenter().use { segmenter ->
            eachPhoto { golden, photo, _ ->
                val alpha = segmenter.alpha(photo)
                val (_, mean) = differences(Bundle.picture(golden.getString("alpha")).grey(), alpha.values)
                assertTrue(mean <= contract.tolerance, "${golden.getString("alpha")}: $mean")
            }
        }
    }

    @Test
    fun everyModelOfTheBundleReplaysItsGoldenPairs() {
        val kinds = contract.models.keys.filterNot { it.endsWith("_landscape") }
        val differences = kinds.flatMap { kind ->
            Bundle.segmenter(kind).use { it.replayGolden(Bundle::picture) }.toList()
        }
        assertEquals(contract.pairs.sumOf { it.answers.size }, differences.size)
        for ((file, difference) in differences) {
            println("$file: differs by %.3f of 255 on average".format(difference))
            assertTrue(difference <= contract.tolerance, "$file: $difference")
        }
    }

    private fun eachPhoto(check: (JSONObject, Picture, ModelInfo) -> Unit) {
        val photos = Bundle.photos()
        assertTrue(photos.isNotEmpty())
        for (golden in photos) {
            val model = contract.models.getValue(golden.getString("model"))
            check(golden, Bundle.picture(golden.getString("photo")), model)
        }
    }
}
