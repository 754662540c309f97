package io.cohort.session;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;

/** Bytes in memory up to a limit. One thread. */
final class BoundedOutput extends OutputStream {
  private static final int FIRST_CAPACITY = 512;

  private final int limit;
  private byte[] bytes;
  private int size;
  private boolean overflowed;

  BoundedOutput(int limit) {
    this.limit = limit;
    this.bytes = new byte[Math.min(FIRST_CAPACITY, limit)];
  }

  @Override
  public void write(int value) throws IOException {
    reserve(1);
    bytes[size++] = (byte) value;
  }

  @Override
  public void write(byte[] from, int offset, int length) throws IOException {
    reserve(length);
    System.arraycopy(from, offset, bytes, size, length);
    size += length;
  }

  /** Remembered, because code that writes an object may swallow the exception. */
  boolean overflowed() {
    return overflowed;
  }

  byte[] toByteArray() {
    return Arrays.copyOf(bytes, size);
  }

  private void reserve(int more) throws IOException {
    if (overflowed || more > limit - size) {
      overflowed = true;
      throw new IOException("more than " + limit + " bytes");
    }
    if (more > bytes.length - size) {
      int doubled = (int) Math.min(limit, 2L * bytes.length);
      bytes = Arrays.copyOf(bytes, Math.max(doubled, size + more));
    }
  }
}
