package io.cohort.session;

/** Text of others, made fit for a line of a log. */
final class Words {
  /** What is longer is cut, and ends with three dots. */
  static final int CHARS_MAX = 200;

  private Words() {}

  /** At most {@link #CHARS_MAX} characters, none of which begins a line or commands a terminal. */
  static String clip(String text) {
    boolean tooLong = text.length() > CHARS_MAX;
    int end = tooLong ? CHARS_MAX - 3 : text.length();
    StringBuilder clipped = new StringBuilder(Math.min(text.length(), CHARS_MAX));
    for (int i = 0; i < end; ++i) {
      char c = text.charAt(i);
      boolean plain = !Character.isISOControl(c) && !Character.isSurrogate(c) && !isSeparator(c);
      clipped.append(plain ? c : '?');
    }
    return tooLong ? clipped.append("...").toString() : clipped.toString();
  }

  private static boolean isSeparator(char c) {
    int type = Character.getType(c);
    return type == Character.LINE_SEPARATOR || type == Character.PARAGRAPH_SEPARATOR
        || type == Character.FORMAT;
  }
}
