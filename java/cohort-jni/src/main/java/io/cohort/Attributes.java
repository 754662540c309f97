package io.cohort;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;

/**
 * Names and values of an entry's or a session's attributes, packed as they cross to native code:
 * each name and each value after its length (4 bytes, big-endian). To be filled, written and
 * cleared again by one thread at a time; those of a {@link Session} are only read, by any threads.
 * A map takes at most {@link #COUNT_MAX} of them in one write.
 */
public final class Attributes {
  /** Attributes in one write. */
  public static final int COUNT_MAX = 1000;

  /** Bytes of one list, the lengths included: more than an entry of a map can have. */
  public static final int BYTES_MAX = 1 << 20;

  private static final int LENGTH_BYTES = 4;
  private static final int READ_ONLY = -1;
  private static final int FIRST_BYTES = 256;
  private static final byte[] NOTHING = {};

  private final int bytesMax;
  private final int start;
  private byte[] packed;
  private int size;
  private int count;

  /** An empty list. */
  public Attributes() {
    this(BYTES_MAX);
  }

  Attributes(int bytesMax) {
    this(bytesMax, NOTHING, 0, 0, 0);
  }

  private Attributes(int bytesMax, byte[] packed, int start, int size, int count) {
    this.bytesMax = bytesMax;
    this.packed = packed;
    this.start = start;
    this.size = size;
    this.count = count;
  }

  /** What native code packed, which is not copied. Nothing can be added. */
  static Attributes of(int count, ByteBuffer packed) {
    return new Attributes(READ_ONLY, packed.array(), packed.arrayOffset() + packed.position(),
        packed.remaining(), count);
  }

  /**
   * Adds an attribute; {@code name} as UTF-8, 1 to 4096 bytes. Both are copied.
   *
   * @throws IllegalArgumentException if it is one too many, or too large; nothing was added
   */
  public Attributes add(String name, byte[] value) {
    return add(name.getBytes(StandardCharsets.UTF_8), value);
  }

  /**
   * The same with a name of any bytes.
   *
   * @throws IllegalArgumentException as above
   */
  public Attributes add(byte[] name, byte[] value) {
    reserve(2L * LENGTH_BYTES + name.length + value.length);
    append(name);
    append(value);
    ++count;
    return this;
  }

  /**
   * Adds a name without a value, for {@link ReplicatedMap#eraseAttributes}. A list has either all
   * values or none.
   *
   * @throws IllegalArgumentException if it is one too many, or too large; nothing was added
   */
  public Attributes addName(String name) {
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    reserve((long) LENGTH_BYTES + bytes.length);
    append(bytes);
    ++count;
    return this;
  }

  /** How many there are. */
  public int count() {
    return count;
  }

  /** Bytes of the packed list. */
  public int packedBytes() {
    return size;
  }

  /**
   * Makes it empty; it keeps its memory.
   *
   * @throws UnsupportedOperationException if it is a session's
   */
  public void clear() {
    requireOwn();
    size = 0;
    count = 0;
  }

  /**
   * Puts the packed list into {@code buffer} at its position, for the methods that take one.
   *
   * @throws java.nio.BufferOverflowException if it does not fit
   */
  public void packInto(ByteBuffer buffer) {
    buffer.put(packed, start, size);
  }

  /** The value of the attribute of this name, copied; null if there is none. */
  public byte[] get(String name) {
    byte[] wanted = name.getBytes(StandardCharsets.UTF_8);
    for (int at = start; at < start + size;) {
      int valueAt = at + LENGTH_BYTES + lengthAt(at);
      int end = valueAt + LENGTH_BYTES + lengthAt(valueAt);
      if (Arrays.equals(packed, at + LENGTH_BYTES, valueAt, wanted, 0, wanted.length)) {
        return Arrays.copyOfRange(packed, valueAt + LENGTH_BYTES, end);
      }
      at = end;
    }
    return null;
  }

  /** Gives each name and each value to {@code each}, as copies, in the order they were added. */
  public void forEach(BiConsumer<String, byte[]> each) {
    for (int at = start; at < start + size;) {
      int valueAt = at + LENGTH_BYTES + lengthAt(at);
      int end = valueAt + LENGTH_BYTES + lengthAt(valueAt);
      String name = new String(packed, at + LENGTH_BYTES, lengthAt(at), StandardCharsets.UTF_8);
      each.accept(name, Arrays.copyOfRange(packed, valueAt + LENGTH_BYTES, end));
      at = end;
    }
  }

  /** By name, as copies; of names that are not UTF-8 and come to the same String one is kept. */
  public Map<String, byte[]> toMap() {
    Map<String, byte[]> map = new TreeMap<>();
    forEach(map::put);
    return map;
  }

  /**
   * A view of the packed list, for {@link #forEach(ByteBuffer, BiConsumer)}, which copies nothing.
   */
  public ByteBuffer asBuffer() {
    return ByteBuffer.wrap(packed, start, size).asReadOnlyBuffer();
  }

  byte[] array() {
    return packed;
  }

  int arrayOffset() {
    return start;
  }

  /**
   * Reads what {@link ReplicatedMap#getAttributes(byte[], ByteBuffer)} has put between position and
   * limit of {@code buffer}, or {@link #asBuffer} has, without changing these.
   *
   * @param each gets name and value, each a view of the buffer's memory
   * @throws BufferUnderflowException if it was something else
   */
  public static void forEach(ByteBuffer buffer, BiConsumer<ByteBuffer, ByteBuffer> each) {
    ByteBuffer rest = buffer.duplicate().order(ByteOrder.BIG_ENDIAN);
    while (rest.hasRemaining()) {
      ByteBuffer name = takePart(rest);
      each.accept(name, takePart(rest));
    }
  }

  private static ByteBuffer takePart(ByteBuffer rest) {
    int length = rest.getInt();
    if (length < 0 || length > rest.remaining()) throw new BufferUnderflowException();
    ByteBuffer part = rest.slice(rest.position(), length);
    rest.position(rest.position() + length);
    return part;
  }

  private int lengthAt(int at) {
    return ByteBuffer.wrap(packed, at, LENGTH_BYTES).getInt();
  }

  private void requireOwn() {
    if (bytesMax == READ_ONLY) {
      throw new UnsupportedOperationException("attributes of a session are only read");
    }
  }

  private void reserve(long more) {
    requireOwn();
    if (count >= COUNT_MAX) {
      throw new IllegalArgumentException("more than " + COUNT_MAX + " attributes");
    }
    if (size + more > bytesMax) {
      throw new IllegalArgumentException("attributes of more than " + bytesMax + " bytes");
    }
    if (size + more > packed.length) {
      long grown = Math.max(FIRST_BYTES, 2L * packed.length);
      packed = Arrays.copyOf(packed, (int) Math.max(grown, size + more));
    }
  }

  private void append(byte[] part) {
    ByteBuffer.wrap(packed, size, LENGTH_BYTES).putInt(part.length);
    System.arraycopy(part, 0, packed, size + LENGTH_BYTES, part.length);
    size += LENGTH_BYTES + part.length;
  }
}
