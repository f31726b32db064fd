package tfseg

import java.io.IOException
import java.security.MessageDigest
import org.json.JSONException
import org.json.JSONObject

/** A bundle that is damaged, incomplete or of another format; the message names the file and what to do. */
class BundleException(message: String, cause: Throwable? = null) : IOException(message, cause)

/** One end of a model: `value = scale * (stored - zeroPoint)`, stored as `uint8` or `float32`. */
class TensorInfo(
    val height: Int,
    val width: Int,
    val channels: Int,
    dtype: String,
    val scale: Float,
    val zeroPoint: Int,
) {
    val isFloat = dtype == "float32"
    val bytes = height * width * channels * (if (isFloat) 4 else 1)

    /** What a value is multiplied with in a golden picture: bytes are as they are, and 0..1 becomes 0..255. */
    val unit = if (isFloat) 255f else 1 / scale

    init {
        if (dtype != "float32" && dtype != "uint8") throw JSONException("dtype is $dtype, neither uint8 nor float32")
    }
}

/** One model file of a bundle. */
class ModelInfo(val file: String, private val sha256: String, val input: TensorInfo, val output: TensorInfo) {
    /**
     * Throws a [BundleException] unless [content] is the file that was bundled: an asset that was compressed, truncated
     * or exchanged without its model.json would answer something, and nobody would know why it is wrong.
     */
    fun verify(content: ByteArray) {
        val found = MessageDigest.getInstance("SHA-256").digest(content).joinToString("") { "%02x".format(it) }
        if (found != sha256) {
            throw BundleException("$file: sha256 is $found, but model.json says $sha256; copy the whole bundle again.")
        }
    }
}

/** How a probability is brought to the photo's size: the fast guided filter of He and Sun 2015, arXiv:1505.00996. */
class UpsampleRule(grey: FloatArray, val radius: Int, val epsilon: Float) {
    // OpenCV's own fixed point: blue takes what the roundings of the other two leave.
    private val red = Math.round(32768 * grey[0])
    private val green = Math.round(32768 * grey[1])
    private val blue = 32768 - red - green

    /** The grey of a colour, 0..1 in steps of 1/255. */
    fun grey(red: Int, green: Int, blue: Int) =
        ((this.red * red + this.green * green + this.blue * blue + 16384) shr 15) / 255f
}

/** What model.json says, all that code must know to feed a model and to read its answer. */
class Contract private constructor(json: JSONObject) {
    val default: String = json.getString("default")

    /** 0..1, the probability from which on a pixel is person. */
    val threshold = json.getDouble("threshold").toFloat()

    /** How far from [threshold] a probability is taken for all background, all person. */
    val doubt = json.getDouble("doubt").toFloat()

    /** 0..255, what a frame holds beside the photo. */
    val padValue: Int
    val upsample: UpsampleRule

    /** By name: "int8", "int8_landscape", ... */
    val models: Map<String, ModelInfo>
    val pairs: List<GoldenPair>

    /** Mean absolute difference over the pixels of a golden answer, of 255, that another runtime may show. */
    val tolerance: Double

    init {
        demand(json, "format", FORMAT)
        val input = json.getJSONObject("input")
        demand(input, "layout", "NHWC")
        demand(input, "colour_order", "RGB")
        val resize = input.getJSONObject("resize")
        for ((key, value) in RESIZE) demand(resize, key, value)
        padValue = resize.getInt("pad_value")
        val rule = json.getJSONObject("output").getJSONObject("upsample")
        for ((key, value) in UPSAMPLE) demand(rule, key, value)
        val grey = rule.getJSONArray("grey")
        upsample = UpsampleRule(
            FloatArray(grey.length()) { grey.getDouble(it).toFloat() },
            rule.getInt("radius"),
            rule.getDouble("epsilon").toFloat(),
        )
        val listed = json.getJSONObject("models")
        models = listed.keys().asSequence().associateWith { model(listed.getJSONObject(it)) }
        val golden = json.getJSONObject("golden")
        tolerance = golden.getDouble("mean_absolute_tolerance")
        pairs = golden.getJSONArray("pairs").let { list -> List(list.length()) { pair(list.getJSONObject(it)) } }
    }

    /** The models of one kind, upright photos' first; wide photos' is the same where the bundle has none of its own. */
    fun models(kind: String): Pair<ModelInfo, ModelInfo> {
        val portrait = models[kind] ?: throw BundleException("model.json: no \"$kind\" model, but ${models.keys}.")
        return portrait to (models["${kind}_landscape"] ?: portrait)
    }

    private fun model(json: JSONObject) = ModelInfo(
        json.getString("file"),
        json.getString("sha256"),
        tensor(json.getJSONObject("input")),
        tensor(json.getJSONObject("output")),
    )

    private fun pair(json: JSONObject) =
        GoldenPair(json.getString("input"), models.filterKeys(json::has).mapKeys { json.getString(it.key) })

    private fun tensor(json: JSONObject): TensorInfo {
        val shape = json.getJSONArray("shape")
        return TensorInfo(
            shape.getInt(1),
            shape.getInt(2),
            shape.getInt(3),
            json.getString("dtype"),
            json.getDouble("scale").toFloat(),
            json.getInt("zero_point"),
        )
    }

    private fun demand(json: JSONObject, key: String, value: Any) {
        if (json.get(key) != value) throw JSONException("$key is ${json.get(key)}; this code knows only $value")
    }

    companion object {
        private const val FORMAT = 1

        // What the rest of this package does. A bundle that asks for something else is refused, not misread.
        private val RESIZE = mapOf(
            "rule" to "letterbox",
            "rounding" to "half to even",
            "place" to "centre",
            "shrink" to "area",
            "enlarge" to "bilinear",
        )
        private val UPSAMPLE = mapOf("rule" to "fast guided filter", "border" to "reflect")

        /** Reads the content of a model.json; throws [BundleException]. */
        fun parse(text: String): Contract =
            try {
                Contract(JSONObject(text))
            } catch (error: JSONException) {
                throw BundleException("model.json: ${error.message}; bundle the model anew or update this code.", error)
            }
    }
}
