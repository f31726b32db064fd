package tfseg

import java.io.FileNotFoundException
import java.util.concurrent.Callable
import java.util.concurrent.ExecutionException
import java.util.concurrent.Executors
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class PersonSegmenterTest {
    private val upright = ArrayPicture(30, 40, IntArray(1200))
    private val wide = ArrayPicture(40, 30, IntArray(1200))

    @Test
    fun theShapeOfThePhotoDecidesWhichModelIsLoaded() {
        val (portrait, landscape) = Contract.parse(Bundle.json.toString()).let { it.models(it.default) }
        Bundle.segmenter().use { segmenter ->
            segmenter.alpha(upright)
            assertEquals(mapOf(portrait.file to "CPU"), segmenter.runsOn)
            assertEquals(1200, segmenter.alpha(wide).values.size)
            assertEquals(mapOf(portrait.file to "CPU", landscape.file to "CPU"), segmenter.runsOn)
        }
    }

    @Test
    fun withoutAGpuTheCpuIsTakenAndTheReasonSaid() {
        val lines = mutableListOf<String>()
        Bundle.segmenter(gpu = true, log = lines::add).use { segmenter ->
            segmenter.alpha(upright)
            assertEquals(listOf("CPU"), segmenter.runsOn.values.toList())
        }
        val line = lines.single()
        // The classes are all there; what is missing on this machine is the phone's library.
        assertTrue("runs on the CPU, because the GPU delegate cannot be loaded" in line, line)
        assertTrue("UnsatisfiedLinkError" in line, line)
    }

    @Test
    fun theSamePhotoTwiceGivesTheSameAlphaWhateverCameBetween() {
        val photo = Bundle.picture(Bundle.photos().first().getString("photo"))
        Bundle.segmenter().use { segmenter ->
            val first = segmenter.alpha(photo).values
            segmenter.alpha(wide)
            segmenter.alpha(upright)
            assertTrue(first.contentEquals(segmenter.alpha(photo).values))
        }
    }

    @Test
    fun aModelOfAnotherChecksumIsRefused() {
        val damaged = PersonSegmenter({ file ->
            val content = Bundle.open(file).readBytes()
            if (file.endsWith(".tflite")) content[content.size / 2]++
            content.inputStream()
        }, gpu = false)
        val error = damaged.use { assertThrows(BundleException::class.java) { it.alpha(upright) } }
        assertTrue(".tflite: sha256 is" in error.message!!, error.message)
    }

    @Test
    fun aMissingFileAndAnUnknownKindAreNamed() {
        val missing = assertThrows(BundleException::class.java) { PersonSegmenter({ throw FileNotFoundException(it) }) }
        assertTrue(missing.message!!.startsWith("model.json: cannot be read"), missing.message)
        val unknown = assertThrows(BundleException::class.java) { Bundle.segmenter("int4") }
        assertTrue("no \"int4\" model, but [int8" in unknown.message!!, unknown.message)
    }

    @Test
    fun anotherThreadAndAClosedSegmenterAreRefused() {
        val segmenter = Bundle.segmenter()
        val other = Executors.newSingleThreadExecutor()
        val task = other.submit(Callable { segmenter.alpha(upright) })
        val failed = assertThrows(ExecutionException::class.java) { task.get() }
        other.shutdown()
        assertTrue("belongs to" in failed.cause!!.message!!, failed.cause!!.message)
        segmenter.close()
        assertEquals(
            "this segmenter is closed.",
            assertThrows(IllegalStateException::class.java) { segmenter.alpha(upright) }.message,
        )
    }
}
