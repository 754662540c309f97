package io.cohort.session;

import java.util.zip.CRC32;
import java.util.zip.CRC32C;

/**
 * 64 bits that tell two versions of an attribute apart: its CRC-32C and its CRC-32. The JDK
 * computes both by instructions of the processor. Two versions that differ have the same hash by
 * accident once in 2^64, and never if they differ in no more than 32 bits that lie side by side. It
 * is no defence against somebody who looks for such versions: whoever does keeps his own change to
 * himself.
 */
public final class ContentHash {
  private ContentHash() {}

  /** Hash of all of {@code bytes}. Stable: the same in every version of this library. */
  public static long of(byte[] bytes) {
    CRC32C high = new CRC32C();
    high.update(bytes, 0, bytes.length);
    CRC32 low = new CRC32();
    low.update(bytes, 0, bytes.length);
    return high.getValue() << 32 | low.getValue();
  }
}
