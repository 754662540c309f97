package io.cohort;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;

/**
 * A map of keys and values, whole on every member of a group. Keys are 1 to 4096 bytes. Reading is
 * local and never waits for the network, unless {@link ReadOptions} say so; writing blocks until
 * its {@link Ack} is there, or completes a future then. After its group was left it can be read;
 * after {@link #close} every call is an IllegalStateException. Any threads.
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
   * As {@link #get(byte[])}, but while this member has no complete state another one is asked.
   * UNAVAILABLE: none that has it was found in time. DEADLINE_EXCEEDED: the one that was asked has
   * not answered in time. OUT_OF_RANGE: the value has more than 256 KiB. RESOURCE_EXHAUSTED: 1024
   * reads wait already.
   */
  public Entry get(byte[] key, ReadOptions options) {
    long[] numbers = new long[3];
    long map = handle.enter();
    try {
      byte[] value = Native.getWith(map, key, options.askOthersMs(), numbers);
      if (value == null) return null;
      return new Entry(value, new Version(numbers[0], numbers[1]), numbers[2]);
    } finally {
      handle.exit();
    }
  }

  /** The same without waiting; completed as those of the writes are. */
  public CompletableFuture<Entry> getAsync(byte[] key, ReadOptions options) {
    long map = handle.enter();
    try {
      return Calls.begin(
          call -> Native.getAsync(map, key, options.askOthersMs(), call), Entry::read);
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

  /**
   * The attributes of an entry of a convergent map, by name; null if there is no entry. Of names
   * that are not UTF-8 some may come to the same String, and one of them is kept.
   */
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
    return write(WriteKind.PUT, key, new Source(value), 0, 0, options);
  }

  /**
   * Sets it to the bytes between position and limit, which are read where they are if the buffer is
   * direct. The buffer does not change, and must not until the call returns.
   */
  public WriteResult put(byte[] key, ByteBuffer value, WriteOptions options) {
    return write(WriteKind.PUT, key, new Source(value), 0, 0, options);
  }

  /**
   * Sets it if the entry is at {@code expected} ({@link Version#NONE}: absent). Else it is ABORTED,
   * and {@link CohortException#version} is what is there. Of ordered maps only, as all conditions,
   * {@link #increment} and {@link #append}: else FAILED_PRECONDITION.
   */
  public WriteResult putIf(byte[] key, Version expected, byte[] value, WriteOptions options) {
    return write(
        WriteKind.PUT_IF, key, new Source(value), expected.time(), expected.writer(), options);
  }

  /** Sets it if there is no such entry; else ABORTED. */
  public WriteResult putIfAbsent(byte[] key, byte[] value, WriteOptions options) {
    return write(WriteKind.PUT_IF_ABSENT, key, new Source(value), 0, 0, options);
  }

  /** Erases the entry; the number says whether it was there (1) or not (0). */
  public WriteResult erase(byte[] key, WriteOptions options) {
    return write(WriteKind.ERASE, key, NOTHING, 0, 0, options);
  }

  /** Erases it if it is at {@code expected}; else ABORTED. */
  public WriteResult eraseIf(byte[] key, Version expected, WriteOptions options) {
    return write(WriteKind.ERASE_IF, key, NOTHING, expected.time(), expected.writer(), options);
  }

  /**
   * Adds to the decimal number in the entry (absent: 0); the number of the result is the new one.
   * Keeps the lifetime. FAILED_PRECONDITION: it holds no such number. OUT_OF_RANGE: the sum is
   * none.
   */
  public WriteResult increment(byte[] key, long delta, WriteOptions options) {
    return write(WriteKind.INCREMENT, key, NOTHING, delta, 0, options);
  }

  /** Absent counts as empty; the number is the new length. Keeps the lifetime. */
  public WriteResult append(byte[] key, byte[] suffix, WriteOptions options) {
    return write(WriteKind.APPEND, key, new Source(suffix), 0, 0, options);
  }

  /** Sets what is left of the lifetime, 1 and up; that of the options is not used. NOT_FOUND. */
  public WriteResult expire(byte[] key, long ttlMs, WriteOptions options) {
    return write(WriteKind.EXPIRE, key, NOTHING, ttlMs, 0, options);
  }

  /** Ends the lifetime: the entry stays until it is erased. NOT_FOUND. */
  public WriteResult persist(byte[] key, WriteOptions options) {
    return write(WriteKind.PERSIST, key, NOTHING, 0, 0, options);
  }

  /** The lifetime of the entry begins again, if it has one. NOT_FOUND. */
  public WriteResult touch(byte[] key, WriteOptions options) {
    return write(WriteKind.TOUCH, key, NOTHING, 0, 0, options);
  }

  /** Sets attributes of a convergent map's entry, which is created if it is not there. */
  public WriteResult putAttributes(byte[] key, Attributes attributes, WriteOptions options) {
    return write(WriteKind.PUT_ATTRIBUTES, key, new Source(attributes), 0, 0, options);
  }

  /** The same with attributes packed between position and limit, as {@link Attributes#packInto}. */
  public WriteResult putAttributes(byte[] key, ByteBuffer packed, WriteOptions options) {
    return write(WriteKind.PUT_ATTRIBUTES, key, new Source(packed), 0, 0, options);
  }

  /** Erases attributes; OK where one was absent, NOT_FOUND if the entry is. */
  public WriteResult eraseAttributes(byte[] key, List<String> names, WriteOptions options) {
    return write(WriteKind.ERASE_ATTRIBUTES, key, Source.ofNames(names), 0, 0, options);
  }

  /** Erases all entries; the number says how many. */
  public WriteResult clear(WriteOptions options) {
    return write(WriteKind.CLEAR, null, NOTHING, 0, 0, options);
  }

  private WriteResult write(
      WriteKind kind, byte[] key, Source value, long first, long second, WriteOptions options) {
    long[] result = new long[WriteResult.NUMBERS];
    long map = handle.enter();
    try {
      Native.write(map, kind.ordinal(), key, value.array, value.direct, value.offset, value.length,
          first, second, options.ack().ordinal(), options.keepTtl(), options.ttlMs(),
          options.timeoutMs(), result);
      return WriteResult.read(result);
    } catch (CohortException e) {
      throw e.at(WriteResult.read(result).version());
    } finally {
      handle.exit();
    }
  }

  // ---- Writing without waiting ------------------------------------------------------------
  //
  // Each returns at once, with what the method of its name without "Async" returns or throws. What
  // is passed was copied by then. The future is completed on cohort-notices, as listeners are
  // called there: what depends on it and waits holds them up, and nobody waits for it in one of
  // them. UNKNOWN: what became of it was lost, for cohort-notices was too slow.

  /** As {@link #put(byte[], byte[], WriteOptions)}. */
  public CompletableFuture<WriteResult> putAsync(byte[] key, byte[] value, WriteOptions options) {
    return begin(WriteKind.PUT, key, new Source(value), 0, 0, options);
  }

  /** As {@link #put(byte[], ByteBuffer, WriteOptions)}; the buffer may change at once. */
  public CompletableFuture<WriteResult> putAsync(
      byte[] key, ByteBuffer value, WriteOptions options) {
    return begin(WriteKind.PUT, key, new Source(value), 0, 0, options);
  }

  /** As {@link #putIf}. */
  public CompletableFuture<WriteResult> putIfAsync(
      byte[] key, Version expected, byte[] value, WriteOptions options) {
    return begin(
        WriteKind.PUT_IF, key, new Source(value), expected.time(), expected.writer(), options);
  }

  /** As {@link #putIfAbsent}. */
  public CompletableFuture<WriteResult> putIfAbsentAsync(
      byte[] key, byte[] value, WriteOptions options) {
    return begin(WriteKind.PUT_IF_ABSENT, key, new Source(value), 0, 0, options);
  }

  /** As {@link #erase}. */
  public CompletableFuture<WriteResult> eraseAsync(byte[] key, WriteOptions options) {
    return begin(WriteKind.ERASE, key, NOTHING, 0, 0, options);
  }

  /** As {@link #eraseIf}. */
  public CompletableFuture<WriteResult> eraseIfAsync(
      byte[] key, Version expected, WriteOptions options) {
    return begin(WriteKind.ERASE_IF, key, NOTHING, expected.time(), expected.writer(), options);
  }

  /** As {@link #increment}. */
  public CompletableFuture<WriteResult> incrementAsync(
      byte[] key, long delta, WriteOptions options) {
    return begin(WriteKind.INCREMENT, key, NOTHING, delta, 0, options);
  }

  /** As {@link #append}. */
  public CompletableFuture<WriteResult> appendAsync(
      byte[] key, byte[] suffix, WriteOptions options) {
    return begin(WriteKind.APPEND, key, new Source(suffix), 0, 0, options);
  }

  /** As {@link #expire}. */
  public CompletableFuture<WriteResult> expireAsync(byte[] key, long ttlMs, WriteOptions options) {
    return begin(WriteKind.EXPIRE, key, NOTHING, ttlMs, 0, options);
  }

  /** As {@link #persist}. */
  public CompletableFuture<WriteResult> persistAsync(byte[] key, WriteOptions options) {
    return begin(WriteKind.PERSIST, key, NOTHING, 0, 0, options);
  }

  /** As {@link #touch}. */
  public CompletableFuture<WriteResult> touchAsync(byte[] key, WriteOptions options) {
    return begin(WriteKind.TOUCH, key, NOTHING, 0, 0, options);
  }

  /** As {@link #putAttributes(byte[], Attributes, WriteOptions)}. */
  public CompletableFuture<WriteResult> putAttributesAsync(
      byte[] key, Attributes attributes, WriteOptions options) {
    return begin(WriteKind.PUT_ATTRIBUTES, key, new Source(attributes), 0, 0, options);
  }

  /** As {@link #eraseAttributes}. */
  public CompletableFuture<WriteResult> eraseAttributesAsync(
      byte[] key, List<String> names, WriteOptions options) {
    return begin(WriteKind.ERASE_ATTRIBUTES, key, Source.ofNames(names), 0, 0, options);
  }

  /** As {@link #clear}. */
  public CompletableFuture<WriteResult> clearAsync(WriteOptions options) {
    return begin(WriteKind.CLEAR, null, NOTHING, 0, 0, options);
  }

  private CompletableFuture<WriteResult> begin(
      WriteKind kind, byte[] key, Source value, long first, long second, WriteOptions options) {
    long map = handle.enter();
    try {
      return Calls.begin(call
          -> Native.writeAsync(map, kind.ordinal(), key, value.array, value.direct, value.offset,
              value.length, first, second, options.ack().ordinal(), options.keepTtl(),
              options.ttlMs(), options.timeoutMs(), call),
          WriteResult::read);
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
    return Subscription.begin(group.subscriptions(), handle, Notices.add(listener),
        (map, number) -> Native.subscribe(map, prefix, number));
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

  private static final Source NOTHING = new Source(new byte[0]);

  /** Where bytes to be written are: in memory outside of the heap, in an array, or in a copy. */
  private static final class Source {
    final byte[] array;
    final ByteBuffer direct;
    final int offset;
    final int length;

    Source(byte[] from) {
      array = from;
      direct = null;
      offset = 0;
      length = from.length;
    }

    Source(Attributes from) {
      array = from.array();
      direct = null;
      offset = from.arrayOffset();
      length = from.packedBytes();
    }

    Source(ByteBuffer from) {
      length = from.remaining();
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

    static Source ofNames(List<String> names) {
      Attributes packed = new Attributes();
      for (String each : names) packed.addName(each);
      return new Source(packed);
    }
  }
}
