package io.cohort;

import java.util.Objects;

/**
 * How a write is done. Immutable.
 *
 * @param ack when it returns
 * @param ttlMs lifetime of the entry since this write, milliseconds; 0: until it is erased
 * @param keepTtl keep the lifetime that the entry has; {@code ttlMs} is for a new one
 * @param timeoutMs longest wait for {@code ack}; 0: the default, 5 s; {@link #FOREVER}
 */
public record WriteOptions(Ack ack, long ttlMs, boolean keepTtl, long timeoutMs) {
  /** No limit of time. */
  public static final long FOREVER = -1;

  /** Every member, no lifetime, 5 s. */
  public static final WriteOptions DEFAULT = new WriteOptions(Ack.ALL, 0, false, 0);

  /** Checks that {@code ack} is there. */
  public WriteOptions {
    Objects.requireNonNull(ack, "ack");
  }

  /** These with another ack. */
  public WriteOptions withAck(Ack other) {
    return new WriteOptions(other, ttlMs, keepTtl, timeoutMs);
  }

  /** These with another lifetime. */
  public WriteOptions withTtlMs(long other) {
    return new WriteOptions(ack, other, keepTtl, timeoutMs);
  }

  /** These with another timeout. */
  public WriteOptions withTimeoutMs(long other) {
    return new WriteOptions(ack, ttlMs, keepTtl, other);
  }
}
