package tfseg

import java.io.Closeable
import java.nio.ByteBuffer
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.gpu.CompatibilityList
import org.tensorflow.lite.gpu.GpuDelegate

/** A model in memory with what it runs on. Used and closed on the thread that made it, as the GPU delegate demands. */
internal class Network private constructor(
    val model: ModelInfo,
    private val interpreter: Interpreter,
    private val delegate: GpuDelegate?,
) : Closeable {
    val runsOn get() = if (delegate == null) "CPU" else "GPU"

    /** Both buffers are direct, in native order, and as large as the model's tensors. */
    fun run(input: ByteBuffer, output: ByteBuffer) {
        input.rewind()
        output.rewind()
        interpreter.run(input, output)
    }

    override fun close() {
        interpreter.close()
        delegate?.close()
    }

    companion object {
        /**
         * Tries the GPU, then takes the CPU and says why.
         *
         * One run belongs to the trial: drivers refuse a network as late as that.
         */
        fun open(
            model: ModelInfo,
            content: ByteBuffer,
            input: ByteBuffer,
            output: ByteBuffer,
            settings: Settings,
        ): Network {
            if (settings.gpu) {
                try {
                    val network = onGpu(model, content, input, output)
                    settings.log("${model.file}: runs on the GPU.")
                    return network
                } catch (error: LinkageError) { // the delegate's library is not in the app, or not for this processor
                    settings.log("${model.file}: runs on the CPU, because the GPU delegate cannot be loaded: $error")
                } catch (error: RuntimeException) {
                    settings.log("${model.file}: runs on the CPU, because the GPU refused it: $error")
                }
            }
            val options = Interpreter.Options()
            options.setNumThreads(settings.threads)
            return Network(model, Interpreter(content, options), null)
        }

        private fun onGpu(model: ModelInfo, content: ByteBuffer, input: ByteBuffer, output: ByteBuffer): Network {
            val delegate = CompatibilityList().use { list ->
                check(list.isDelegateSupportedOnThisDevice) { "its drivers are not known to work" }
                GpuDelegate(list.bestOptionsForThisDevice)
            }
            var interpreter: Interpreter? = null
            try {
                val options = Interpreter.Options()
                options.addDelegate(delegate)
                interpreter = Interpreter(content, options)
                return Network(model, interpreter, delegate).also { it.run(input, output) }
            } catch (error: Throwable) {
                interpreter?.close()
                delegate.close()
                throw error
            }
        }
    }
}

/** @property threads of the CPU. */
internal class Settings(val threads: Int, val gpu: Boolean, val log: (String) -> Unit)
