package io.cohort;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Reads what native code packed (packing.h): big-endian, text and bytes after their length. */
final class Unpacked {
  private final ByteBuffer in;

  Unpacked(byte[] bytes) {
    in = ByteBuffer.wrap(bytes);
  }

  boolean hasMore() {
    return in.hasRemaining();
  }

  int readByte() {
    return in.get() & 0xff;
  }

  int readInt() {
    return in.getInt();
  }

  long readLong() {
    return in.getLong();
  }

  byte[] readBytes() {
    byte[] bytes = new byte[in.getInt()];
    in.get(bytes);
    return bytes;
  }

  String readText() {
    return new String(readBytes(), StandardCharsets.UTF_8);
  }

  /** All that is left, not copied. */
  ByteBuffer takeRest() {
    ByteBuffer rest = in.slice();
    in.position(in.limit());
    return rest;
  }

  MemberId readMemberId() {
    return new MemberId(in.getLong(), in.getLong(), in.getLong());
  }

  ViewId readViewId() {
    return new ViewId(in.getLong(), in.getLong());
  }

  <T> List<T> readList(Function<Unpacked, T> read) {
    int count = in.getInt();
    List<T> list = new ArrayList<>(Math.min(count, 1024));
    for (int i = 0; i < count; ++i) list.add(read.apply(this));
    return List.copyOf(list);
  }
}
