package io.cohort.session;

/**
 * How much one attribute may be, and how much reading one may cost. They hold in writing as well:
 * what is within them here can be read where they are the same.
 *
 * @param bytesMax of the encoded attribute, 16 to {@link #BYTES_MAX}
 * @param depthMax objects inside objects, 1 to {@link #DEPTH_MAX}
 * @param referencesMax objects, strings, nulls and references in the stream, at least 1
 * @param arrayLengthMax elements of one array or table, at least 1
 */
public record CodecLimits(int bytesMax, int depthMax, int referencesMax, int arrayLengthMax) {
  /** What an entry of a convergent map holds (512 KiB), less 8 KiB for names and metadata. */
  public static final int BYTES_MAX = (512 - 8) * 1024;

  /** Reading needs some 600 bytes of stack a level, and servers' threads may have but 1 MiB. */
  public static final int DEPTH_MAX = 1000;

  /** The default: deeper than beans and views are, and safe on a stack of 512 KiB. */
  public static final int DEPTH_DEFAULT = 500;

  /** The default. */
  public static final int REFERENCES_DEFAULT = 200_000;

  /** The default: no array in an attribute has more elements than the attribute has bytes. */
  public static final int ARRAY_LENGTH_DEFAULT = BYTES_MAX;

  /**
   * All arrays and hash tables of an attribute together may have this many elements for each byte
   * of it. An element takes at least one byte of the stream; a table has at most 2.7 places for
   * one.
   */
  static final int ELEMENTS_PER_BYTE_MAX = 4;

  /** What arrays may have beyond that: small ones that are written as less than they are. */
  static final int ELEMENTS_EXTRA = 1024;

  /** The interfaces of one proxy. */
  static final int PROXY_INTERFACES_MAX = 64;

  /**
   * No level of depth takes fewer bytes of the stream: the object's mark and its class's number.
   */
  static final int BYTES_PER_LEVEL_MIN = 6;

  /** The limits that are meant for everybody. */
  public static final CodecLimits DEFAULT =
      new CodecLimits(BYTES_MAX, DEPTH_DEFAULT, REFERENCES_DEFAULT, ARRAY_LENGTH_DEFAULT);

  /**
   * Checks the ranges.
   *
   * @throws IllegalArgumentException that says which number is out of its range
   */
  public CodecLimits {
    require("bytesMax", bytesMax, 16, BYTES_MAX);
    require("depthMax", depthMax, 1, DEPTH_MAX);
    require("referencesMax", referencesMax, 1, Integer.MAX_VALUE);
    require("arrayLengthMax", arrayLengthMax, 1, Integer.MAX_VALUE);
  }

  private static void require(String name, int value, int min, int max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(name + " is " + value + ", must be " + min + " to " + max);
    }
  }
}
