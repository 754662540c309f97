package io.cohort;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * A map of keys and values, whole on every member of a group. Keys are 1 to 4096 bytes. Reading is
 * local and never waits for the network; writing blocks until its {@link Ack} is there. After its
 * group was left it can be read; after {@link #close} every call is an IllegalStateException. Any
 * threads.
 *
 * <p>Errors are {@link CohortException}. That there is no such entry is null or false in reading,
 * and the status NOT_FOUND in writing, where told.
 */
public final class ReplicatedMap implements AutoCloseable {
  // Held so that the group is not taken for forgotten while somebody uses its map.
  private final Group group;
  private final String name;
  private final MapKind kind;
  private final Handle handle;

  ReplicatedMap(Group group, String name, MapKind kind, long pointer) {
    this.group = group;
    this.name = name;
    this.kind = kind;
    handle = new Handle("the map " + name, pointer, Native::closeMap);
    Resources.closeWithout(this, handle);
  }

  /** The group it was opened in. */
  public Group group() {
    return group;
  }

  /** As it was opened. */
  public String name() {
    return name;
  }

  /** As it was opened. */
  public MapKind kind() {
    return kind;
  }

  // ---- Reading ----------------------------------------------------------------------------

  /** The entry, or null if there is none. */
  public Entry get(byte[] key) {
    long[] numbers = new long[3];
    long map = handle.enter();
    try {
      byte[] value = Native.get(map, key, numbers);
      if (value == null) return null;
      return new Entry(value, new Version(numbers[0], numbers[1]), numbers[2]);
    } finally {
      handle.exit();
    }
  }

  /**
   * Puts the value into a direct buffer from its position on. Returns the bytes of the value, or -1
   * if there is no entry. If it fits, the limit is set to its end; else nothing was put, and
   * nothing of the buffer has changed.
   *
   * @throws IllegalArgumentException if {@code into} is not direct, or read-only
   */
  public int get(byte[] key, ByteBuffer into) {
    requireWritable(into);
    long map = handle.enter();
    try {
      int position = into.position();
      int size = Native.getInto(map, key, into, position, into.remaining(), null);
      if (size >= 0 && size <= into.remaining()) into.limit(position + size);
      return size;
    } finally {
      handle.exit();
    }
  }

  /** The attributes of an entry of a convergent map, by name; null if there is no entry. */
  public Map<String, byte[]> getAttributes(byte[] key) {
    byte[] packed;
    long map = handle.enter();
    try {
      packed = Native.getAttributes(map, key);
    } finally {
      handle.exit();
    }
    if (packed == null) return null;
    Unpacked in = new Unpacked(packed);
    Map<String, byte[]> attributes = new TreeMap<>();
    while (in.hasMore()) attributes.put(in.readText(), in.readBytes());
    return attributes;
  }

  /**
   * Puts the packed attributes into a direct buffer from its position on, where {@link
   * Attributes#forEach} reads them. Returns their bytes, or -1 if there is no entry. If they fit,
   * the limit is set to their end; else nothing of the buffer has changed.
   *
   * @throws IllegalArgumentException if {@code into} is not direct, or read-only
   */
  public int getAttributes(byte[] key, ByteBuffer into) {
    requireWritable(into);
    long map = handle.enter();
    try {
      int position = into.position();
      int size = Native.getAttributesInto(map, key, into, position, into.remaining());
      if (size >= 0 && size <= into.remaining()) into.limit(position + size);
      return size;
    } finally {
      handle.exit();
    }
  }

  /** One attribute, or null if it or the entry is not there. */
  public byte[] getAttribute(byte[] key, byte[] attribute) {
    long map = handle.enter();
    try {
      return Native.getAttribute(map, key, attribute);
    } finally {
      handle.exit();
    }
  }

  /** Is there an entry? */
  public boolean exists(byte[] key) {
    long map = handle.enter();
    try {
      return Native.exists(map, key);
    } finally {
      handle.exit();
    }
  }

  /** Entries. */
  public long size() {
    long map = handle.enter();
    try {
      return Native.size(map);
    } finally {
      handle.exit();
    }
  }

  /** Bytes of keys and values. */
  public long bytes() {
    long map = handle.enter();
    try {
      return Native.bytes(map);
    } finally {
      handle.exit();
    }
  }

  /** Fingerprint of the content. */
  public Digest digest() {
    long[] numbers = new long[3];
    long map = handle.enter();
    try {
      Native.digest(map, numbers);
      return new Digest(numbers[0], numbers[1], numbers[2]);
    } finally {
      handle.exit();
    }
  }

  /**
   * Some of the keys, and where to go on.
   *
   * @param keys about as many as were asked for
   * @param cursor for the next call; 0: that was all
   */
  public record Keys(List<byte[]> keys, long cursor) {}

  /**
   * About {@code count} keys (1 and up) from {@code cursor} on, which is 0 at first. A key that is
   * there all the time is seen at least once.
   */
  public Keys scanKeys(long cursor, int count) {
    if (count < 1) throw new IllegalArgumentException("count is " + count + ", at least 1");
    byte[] packed;
    long map = handle.enter();
    try {
      packed = Native.scanKeys(map, cursor, count);
    } finally {
      handle.exit();
    }
    Unpacked in = new Unpacked(packed);
    long next = in.readLong();
    List<byte[]> keys = new ArrayList<>();
    while (in.hasMore()) keys.add(in.readBytes());
    return new Keys(keys, next);
  }

  // ---- Writing ----------------------------------------------------------------------------

  /** Sets the value of {@code key}. */
  public WriteResult put(byte[] key, byte[] value, WriteOptions options) {
    return put(key, value, null, 0, value.length, options);
  }

  /**
   * Sets it to the bytes between position and limit, which are read where they are if the buffer is
   * direct. The buffer does not change, and must not until the call returns.
   */
  public WriteResult put(byte[] key, ByteBuffer value, WriteOptions options) {
    Source from = new Source(value);
    return put(key, from.array, from.direct, from.offset, value.remaining(), options);
  }

  private WriteResult put(
      byte[] key, byte[] array, ByteBuffer direct, int offset, int length, WriteOptions options) {
    long[] result = new long[WriteResult.NUMBERS];
    long map = handle.enter();
    try {
      Native.put(map, key, array, direct, offset, length, options.ack().ordinal(),
          options.keepTtl(), options.ttlMs(), options.timeoutMs(), result);
      return WriteResult.read(result);
    } finally {
      handle.exit();
    }
  }

  /** Sets attributes of a convergent map's entry, which is created if it is not there. */
  public WriteResult putAttributes(byte[] key, Attributes attributes, WriteOptions options) {
    return writeAttributes(false, key, attributes.array(), null, attributes.arrayOffset(),
        attributes.packedBytes(), options);
  }

  /** The same with attributes packed between position and limit, as {@link Attributes#packInto}. */
  public WriteResult putAttributes(byte[] key, ByteBuffer packed, WriteOptions options) {
    Source from = new Source(packed);
    return writeAttributes(
        false, key, from.array, from.direct, from.offset, packed.remaining(), options);
  }

  /** Erases attributes; OK where one was absent, NOT_FOUND if the entry is. */
  public WriteResult eraseAttributes(byte[] key, List<String> names, WriteOptions options) {
    Attributes packed = new Attributes();
    for (String each : names) packed.addName(each);
    return writeAttributes(true, key, packed.array(), null, 0, packed.packedBytes(), options);
  }

  private WriteResult writeAttributes(boolean erase, byte[] key, byte[] array, ByteBuffer direct,
      int offset, int length, WriteOptions options) {
    long[] result = new long[WriteResult.NUMBERS];
    long map = handle.enter();
    try {
      Native.writeAttributes(map, erase, key, array, direct, offset, length,
          options.ack().ordinal(), options.keepTtl(), options.ttlMs(), options.timeoutMs(), result);
      return WriteResult.read(result);
    } finally {
      handle.exit();
    }
  }

  /** Erases the entry; the number says whether it was there (1) or not (0). */
  public WriteResult erase(byte[] key, WriteOptions options) {
    long[] result = new long[WriteResult.NUMBERS];
    long map = handle.enter();
    try {
      Native.erase(map, key, options.ack().ordinal(), options.timeoutMs(), result);
      return WriteResult.read(result);
    } finally {
      handle.exit();
    }
  }

  /** The lifetime of the entry begins again, if it has one. NOT_FOUND. */
  public WriteResult touch(byte[] key, WriteOptions options) {
    long[] result = new long[WriteResult.NUMBERS];
    long map = handle.enter();
    try {
      Native.touch(map, key, options.ack().ordinal(), options.timeoutMs(), result);
      return WriteResult.read(result);
    } finally {
      handle.exit();
    }
  }

  // ---- Following --------------------------------------------------------------------------

  /**
   * Tells each change of a key that begins with {@code prefix} (empty: of all keys), from now on,
   * in the group's order. To have the content as well, subscribe first and read then. Closing the
   * map does not end it.
   */
  public Subscription subscribe(byte[] prefix, ChangeListener listener) {
    Objects.requireNonNull(listener, "listener");
    long number = Notices.add(listener);
    long pointer = 0;
    try {
      long map = handle.enter();
      try {
        pointer = Native.subscribe(map, prefix, number);
      } finally {
        handle.exit();
      }
    } finally {
      if (pointer == 0) Notices.forget(number);
    }
    return new Subscription(group.subscriptions(), pointer, number);
  }

  /** Closes this handle; the map lives on in the group. Calls that are under way go on. */
  @Override
  public void close() {
    handle.close();
  }

  private static void requireWritable(ByteBuffer buffer) {
    if (!buffer.isDirect()) throw new IllegalArgumentException("the buffer is not direct");
    if (buffer.isReadOnly()) throw new IllegalArgumentException("the buffer is read-only");
  }

  /** Where the bytes of a buffer are: in its own memory, in its array, or in a copy. */
  private static final class Source {
    final byte[] array;
    final ByteBuffer direct;
    final int offset;

    Source(ByteBuffer from) {
      if (from.isDirect()) {
        array = null;
        direct = from;
        offset = from.position();
      } else if (from.hasArray()) {
        array = from.array();
        direct = null;
        offset = from.arrayOffset() + from.position();
      } else {
        array = new byte[from.remaining()];
        from.duplicate().get(array);
        direct = null;
        offset = 0;
      }
    }
  }
}
