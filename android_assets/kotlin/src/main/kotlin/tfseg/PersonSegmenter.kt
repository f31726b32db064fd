package tfseg

import java.io.Closeable
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.logging.Logger

/**
 * Finds the people in photos with the models of one bundle.
 *
 *     PersonSegmenter({ context.assets.open("person_mobilenet_v2/$it") }).use { segmenter ->
 *         val alpha = segmenter.alpha(BitmapPicture(bitmap))
 *         val person = cutOut(BitmapPicture(bitmap), segmenter.firm(alpha)).toBitmap()
 *     }
 *
 * **Threads.** A segmenter belongs to the thread that made it: the GPU delegate demands it, and the buffers are reused.
 * Make, use and close it on one worker thread (a single-thread executor does), never on the main thread. From any other
 * thread [alpha], [answer] and [close] throw [IllegalStateException]. The functions on pictures and [Alpha] are not
 * bound to a thread, but one picture is read by one thread at a time.
 *
 * A model is loaded when the first photo of its orientation comes; that call takes longer, most of all on a GPU.
 *
 * @param source opens a file of the bundle by its name there, such as "model.json".
 * @param kind which of the bundle's models, "int8" or "float16"; null takes the bundle's default.
 * @param threads of the CPU, where the GPU is not used.
 * @param gpu whether to try the GPU first. If it refuses, the CPU is taken and the reason goes to [log].
 * @param log gets one line for each model that is loaded; by default it goes to logcat.
 * @throws BundleException model.json is missing, damaged or asks for what this code does not know.
 */
class PersonSegmenter(
    private val source: (String) -> InputStream,
    kind: String? = null,
    threads: Int = 2,
    gpu: Boolean = true,
    log: (String) -> Unit = { Logger.getLogger("PersonSegmenter").info(it) },
) : Closeable {
    val contract = Contract.parse(read("model.json").decodeToString())

    internal val models = contract.models(kind ?: contract.default)
    private val settings = Settings(threads, gpu, log)
    private val owner = Thread.currentThread()
    private val networks = mutableMapOf<ModelInfo, Network>()
    private var closed = false

    // Both orientations have as many pixels, so one pair of buffers serves every photo.
    private val frame = ByteArray(models.toList().maxOf { it.input.height * it.input.width * it.input.channels })
    private val input = buffer(models.toList().maxOf { it.input.bytes })
    private val output = buffer(models.toList().maxOf { it.output.bytes })

    init {
        require(threads >= 1) { "threads must be at least 1; received $threads." }
        if (models.first.input.bytes != models.second.input.bytes) {
            throw BundleException("model.json: the models for upright and for wide photos differ in size.")
        }
    }

    /** "GPU" or "CPU" for the models that were loaded so far, by file. */
    val runsOn: Map<String, String> get() = networks.values.associate { it.model.file to it.runsOn }

    /**
     * How much of each pixel of [photo] is person, by the model for the photo's orientation.
     *
     * @throws BundleException the model's file is missing, or not the one that model.json describes.
     */
    fun alpha(photo: Picture): Alpha {
        val model = if (photo.width > photo.height) models.second else models.first
        val box = letterbox(photo, model.input.height, model.input.width, contract.padValue, frame)
        return upsample(answer(frame, model), frame, model.input.width, box, photo, contract.upsample)
    }

    /** An alpha without the network's last doubt, for a composite: most of a person is not transparent. */
    fun firm(alpha: Alpha) = alpha.firm(contract.threshold, contract.doubt)

    /** The person cut at the contract's threshold: 255 on a person, 0 elsewhere. */
    fun mask(alpha: Alpha) = alpha.map { if (it >= contract.threshold) 1f else 0f }

    /**
     * What a model says of a frame, before it is brought to a photo's size; golden pairs are replayed with it.
     *
     * @param frame `[height, width, 3]` RGB bytes of the model's size.
     * @return the person probability, `[height, width]`, 0..1.
     */
    fun answer(frame: ByteArray, model: ModelInfo): FloatArray {
        check(Thread.currentThread() === owner) { "this segmenter belongs to ${owner.name}; use it on that thread." }
        check(!closed) { "this segmenter is closed." }
        val network = networks.getOrPut(model) { load(model) }
        fill(frame, model.input)
        network.run(input, output)
        return probabilities(model.output)
    }

    override fun close() {
        check(Thread.currentThread() === owner) { "this segmenter belongs to ${owner.name}; close it on that thread." }
        networks.values.forEach { it.close() }
        networks.clear()
        closed = true
    }

    private fun load(model: ModelInfo): Network {
        val content = read(model.file)
        model.verify(content)
        return Network.open(model, buffer(content.size).apply { put(content) }, input, output, settings)
    }

    private fun read(file: String): ByteArray =
        try {
            source(file).use { it.readBytes() }
        } catch (error: IOException) {
            throw BundleException("$file: cannot be read: $error; copy the whole bundle into the app.", error)
        }

    private fun fill(frame: ByteArray, tensor: TensorInfo) {
        input.rewind()
        for (value in frame) {
            val stored = (value.toInt() and 255) / tensor.scale + tensor.zeroPoint
            if (tensor.isFloat) input.putFloat(stored) else input.put(byte(stored).toByte())
        }
    }

    private fun probabilities(tensor: TensorInfo): FloatArray {
        output.rewind()
        return FloatArray(tensor.height * tensor.width) {
            val stored = if (tensor.isFloat) output.getFloat() else (output.get().toInt() and 255).toFloat()
            (stored - tensor.zeroPoint) * tensor.scale
        }
    }

    private fun buffer(bytes: Int) = ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder())
}
