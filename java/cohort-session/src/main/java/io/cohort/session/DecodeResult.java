package io.cohort.session;

/** What became of decoding an attribute. */
public sealed interface DecodeResult {
  /**
   * The attribute, which nobody else has.
   *
   * @param value may be null
   */
  record Decoded(Object value) implements DecodeResult {}

  /**
   * This attribute cannot be had; the rest of its session can.
   *
   * @param reason never a reason of encoding
   * @param type name of the class that is at fault, or ""
   * @param detail in words, or ""
   */
  record Dropped(Reason reason, String type, String detail) implements DecodeResult {
    /** Type and detail are made fit for a line of a log, at most {@link Words#CHARS_MAX} long. */
    public Dropped {
      type = Words.clip(type);
      detail = Words.clip(detail);
    }
  }
}
