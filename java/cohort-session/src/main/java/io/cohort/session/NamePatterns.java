package io.cohort.session;

import java.util.ArrayList;
import java.util.List;

/** Names that match one of some patterns, in which {@code *} stands for any characters. */
final class NamePatterns {
  /** Patterns of one policy. */
  static final int PATTERNS_MAX = 256;

  /** Characters of one pattern. */
  static final int PATTERN_CHARS_MAX = 1024;

  private final List<String> patterns;

  /** Throws IllegalArgumentException if there are too many, or one is empty or too long. */
  NamePatterns(List<String> patterns) {
    if (patterns.size() > PATTERNS_MAX) {
      throw new IllegalArgumentException(
          patterns.size() + " patterns of names, at most " + PATTERNS_MAX);
    }
    this.patterns = new ArrayList<>(patterns);
    for (String pattern : patterns) {
      if (pattern.isEmpty() || pattern.length() > PATTERN_CHARS_MAX) {
        throw new IllegalArgumentException(
            "a pattern of " + pattern.length() + " characters, must be 1 to " + PATTERN_CHARS_MAX);
      }
    }
  }

  boolean match(String name) {
    for (String pattern : patterns) {
      if (matches(pattern, name)) return true;
    }
    return false;
  }

  // Goes back to the last star only, so it takes at most the product of the lengths.
  private static boolean matches(String pattern, String name) {
    int at = 0;
    int star = -1;
    int resume = 0;
    int i = 0;
    while (i < name.length()) {
      if (at < pattern.length() && pattern.charAt(at) == '*') {
        star = at++;
        resume = i;
      } else if (at < pattern.length() && pattern.charAt(at) == name.charAt(i)) {
        ++at;
        ++i;
      } else if (star >= 0) {
        at = star + 1;
        i = ++resume;
      } else {
        return false;
      }
    }
    while (at < pattern.length() && pattern.charAt(at) == '*') ++at;
    return at == pattern.length();
  }
}
