package tfseg

import kotlin.math.abs
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class CompositeTest {
    private val red = 0xffc81e1e.toInt()
    private val green = 0xff1ec81e.toInt()

    /** A red person on the left before a green wall, with one mixed column between. */
    private val photo = picture { x -> if (x < 32) red else if (x == 32) 0xff73731e.toInt() else green }
    private val alpha = Alpha(64, 48, ByteArray(64 * 48) {
        (if (it % 64 < 32) 255 else if (it % 64 == 32) 128 else 0).toByte()
    })

    @Test
    fun aCutOutHasTheAlphaAndThePersonsColoursWithoutTheWalls() {
        val pixels = cutOut(photo, alpha).held().pixels
        for (i in pixels.indices) assertEquals(alpha.values[i].toInt() and 255, pixels[i] ushr 24)
        assertEquals(red, pixels[20 * 64 + 10])
        val edge = pixels[20 * 64 + 32]
        assertTrue(red(edge) > 170 && green(edge) < 60, Integer.toHexString(edge))
    }

    @Test
    fun aReplacementFillsThePhotoAndMixesInLinearLight() {
        val pixels = replaceBackground(photo, alpha, 0xffffff).held().pixels
        assertEquals(red, pixels[5])
        assertEquals(-1, pixels[60])
        // Half of red 200 and half of white is 0.79 of full light, which is code 230; halving the codes gives 228.
        assertTrue(abs(red(pixels[32]) - 230) <= 3, "${red(pixels[32])}")
        assertTrue(abs(green(pixels[32]) - 188) <= 6, "${green(pixels[32])}")
        val wide = ArrayPicture(200, 10, IntArray(2000) { if (it % 200 in 90..109) green else red })
        assertEquals(green, replaceBackground(photo, alpha, wide).held().pixels[40])
    }

    @Test
    fun aBlurLeavesThePersonAndDoesNotSmearHerIntoTheBackground() {
        val spotted = picture { x -> if (x < 32) red else if (x / 4 % 2 == 0) green else 0xff000000.toInt() }
        val pixels = blurBackground(spotted, alpha, 0.1f).held().pixels
        assertEquals(red, pixels[24 * 64 + 5])
        for (x in 34 until 64) assertTrue(red(pixels[24 * 64 + x]) <= 31, "$x: ${red(pixels[24 * 64 + x])}")
        val greens = (40 until 60).map { green(pixels[24 * 64 + it]) }
        assertTrue(greens.min() > 80 && greens.max() < 190, "$greens")
        assertThrows(IllegalArgumentException::class.java) { blurBackground(photo, alpha, 0.5f) }
    }

    @Test
    fun firmTakesTheLastDoubtOutAboutTheThreshold() {
        val values = Alpha(5, 1, byteArrayOf(0, 102, 128.toByte(), 204.toByte(), -1)).firm(0.6f, 0.2f).values
        assertEquals(listOf(0, 0, 65, 255, 255), values.map { it.toInt() and 255 })
    }

    @Test
    fun anAlphaOfAnotherSizeIsRefused() {
        val error = assertThrows(IllegalArgumentException::class.java) { cutOut(photo, Alpha(1, 1, ByteArray(1))) }
        assertEquals("alpha is 1x1, but the photo 64x48.", error.message)
    }

    private fun picture(colour: (Int) -> Int) = ArrayPicture(64, 48, IntArray(64 * 48) { colour(it % 64) })
}
