package tfseg

import org.json.JSONObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ContractTest {
    @Test
    fun whatThisCodeDoesNotDoIsRefusedAndNamed() {
        refused("squash") { getJSONObject("input").getJSONObject("resize").put("rule", "squash") }
        refused("BGR") { getJSONObject("input").put("colour_order", "BGR") }
        refused("bicubic") { getJSONObject("input").getJSONObject("resize").put("enlarge", "bicubic") }
        refused("format is 2") { put("format", 2) }
        refused("upsample") { getJSONObject("output").remove("upsample") }
        refused("int16") {
            getJSONObject("models").getJSONObject("int8").getJSONObject("input").put("dtype", "int16")
        }
        assertThrows(BundleException::class.java) { Contract.parse("not JSON") }
    }

    @Test
    fun theNumbersAreTheFilesOwn() {
        val changed = changed {
            put("threshold", 0.25)
            getJSONObject("input").getJSONObject("resize").put("pad_value", 9)
            getJSONObject("output").getJSONObject("upsample").put("radius", 5)
        }
        val contract = Contract.parse(changed)
        assertEquals(listOf(0.25f, 9, 5), listOf(contract.threshold, contract.padValue, contract.upsample.radius))
        val frame = ByteArray(3 * 4 * 2)
        letterbox(ArrayPicture(1, 1, intArrayOf(0)), 4, 2, contract.padValue, frame)
        assertEquals(9, frame[0].toInt())
        val alpha = Alpha(3, 1, byteArrayOf(0, 63, 64))
        val mask = PersonSegmenter({ changed.byteInputStream() }).use { it.mask(alpha).values.toList() }
        assertEquals(listOf<Byte>(0, 0, -1), mask)
    }

    private fun changed(change: JSONObject.() -> Unit) = JSONObject(Bundle.json.toString()).apply(change).toString()

    private fun refused(named: String, change: JSONObject.() -> Unit) {
        val error = assertThrows(BundleException::class.java) { Contract.parse(changed(change)) }
        assertTrue(error.message!!.startsWith("model.json: ") && named in error.message!!, error.message)
    }
}
