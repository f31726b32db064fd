package tfseg

import android.content.res.AssetManager
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.os.Build

/** A bitmap as a picture; transparent pixels are laid over white, as the network's training had them. */
class BitmapPicture(bitmap: Bitmap) : Picture {
    // The pixels of a hardware bitmap cannot be read.
    private val bitmap =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O && bitmap.config == Bitmap.Config.HARDWARE) {
            bitmap.copy(Bitmap.Config.ARGB_8888, false)
        } else {
            bitmap
        }
    override val width = bitmap.width
    override val height = bitmap.height

    override fun readRow(y: Int, pixels: IntArray) {
        bitmap.getPixels(pixels, 0, width, 0, y, width, 1)
        if (bitmap.hasAlpha()) for (x in 0 until width) pixels[x] = overWhite(pixels[x])
    }
}

/** The picture as an ARGB_8888 bitmap. */
fun Picture.toBitmap(): Bitmap {
    val bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)
    val row = IntArray(width)
    for (y in 0 until height) {
        readRow(y, row)
        bitmap.setPixels(row, 0, width, 0, y, width, 1)
    }
    return bitmap
}

/** The alpha as white with that opacity, to be drawn or to be used as a mask. */
fun Alpha.toBitmap(): Bitmap = object : Picture {
    override val width = this@toBitmap.width
    override val height = this@toBitmap.height

    override fun readRow(y: Int, pixels: IntArray) {
        for (x in 0 until width) pixels[x] = 0xffffff or (at(y, x) shl 24)
    }
}.toBitmap()

/** A segmenter on a bundle that was copied into the app's assets as [folder]. */
fun openPersonSegmenter(assets: AssetManager, folder: String, kind: String? = null, gpu: Boolean = true) =
    PersonSegmenter({ assets.open("$folder/$it") }, kind, gpu = gpu)

/** Replays the golden pairs on this phone and its GPU; [folder] is the bundle's in the assets. */
fun PersonSegmenter.replayGolden(assets: AssetManager, folder: String): Map<String, Double> =
    replayGolden { file -> assets.open("$folder/$file").use { BitmapPicture(BitmapFactory.decodeStream(it)) } }

private fun overWhite(pixel: Int): Int {
    val alpha = pixel ushr 24
    if (alpha == 255) return pixel
    fun channel(value: Int) = (value * alpha + 255 * (255 - alpha)) / 255f
    return opaque(channel(red(pixel)), channel(green(pixel)), channel(blue(pixel)))
}
