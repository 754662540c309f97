package io.cohort.session;

/** Why an attribute is not replicated, or cannot be had from its bytes. */
public enum Reason {
  /** Its name is excluded by the policy. */
  EXCLUDED("its name is excluded"),
  /** Its name is empty, too long, or not text. */
  BAD_NAME("its name is empty, too long or not text"),
  /** The session has as many replicated attributes as it may have. */
  TOO_MANY("the session has too many attributes"),
  /** It, or something that it holds, is not serializable. */
  NOT_SERIALIZABLE("not serializable"),
  /** A class is not allowed; {@link ClassRules}. */
  CLASS_REFUSED("class not allowed"),
  /** A class is not there: the application here is an older or newer one. */
  CLASS_NOT_FOUND("class not found"),
  /** A class is there, but is another version that does not read this one. */
  CLASS_CHANGED("class has changed"),
  /** Its bytes are more than {@link CodecLimits#bytesMax}. */
  TOO_LARGE("too large"),
  /** Nested too deeply, too many references or arrays too large; {@link CodecLimits}. */
  LIMIT("beyond a limit"),
  /** Another thread changed it while it was encoded; it may be encoded again. */
  CHANGED_MEANWHILE("changed while it was encoded"),
  /** The bytes are no attribute. */
  MALFORMED("malformed bytes"),
  /** The bytes are of a format or kind that this version does not know. */
  UNKNOWN_FORMAT("unknown format"),
  /** Code of the application failed in writing or reading it. */
  FAILED("the application's code failed");

  private final String words;

  Reason(String words) {
    this.words = words;
  }

  /** In words, for a sentence. */
  public String words() {
    return words;
  }
}
