package io.cohort.session;

/** What became of encoding an attribute. */
public sealed interface EncodeResult {
  /**
   * It is encoded.
   *
   * @param bytes at most {@link CodecLimits#bytesMax}; the receiver's own
   */
  record Encoded(byte[] bytes) implements EncodeResult {}

  /**
   * It cannot be replicated, and stays where it is.
   *
   * @param reason never a reason of decoding
   * @param type name of the class that is at fault, which may be inside the attribute
   * @param detail in words, or ""
   */
  record Refused(Reason reason, String type, String detail) implements EncodeResult {
    /** Type and detail are made fit for a line of a log, at most {@link Words#CHARS_MAX} long. */
    public Refused {
      type = Words.clip(type);
      detail = Words.clip(detail);
    }
  }
}
