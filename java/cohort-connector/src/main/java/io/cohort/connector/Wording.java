package io.cohort.connector;

/**
 * How a server's administrator writes settings, for messages that say what to do.
 *
 * @param where before each message: what has the settings, or empty
 * @param prefix before each name
 * @param quote around each value, or empty
 * @param shorterName what to do about an application whose name is too long
 */
public record Wording(String where, String prefix, String quote, String shorterName) {
  /** The name as it is written. */
  public String name(String setting) {
    return prefix + setting;
  }

  /** The setting as it is written. */
  public String assign(String setting, String value) {
    return prefix + setting + "=" + quote + value + quote;
  }

  IllegalArgumentException error(String what) {
    return new IllegalArgumentException(where + what);
  }
}
