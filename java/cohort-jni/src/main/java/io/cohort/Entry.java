package io.cohort;

/**
 * An entry of a map.
 *
 * @param value the receiver's own
 * @param version of its last write
 * @param ttlMs what is left of its lifetime, rounded up; 0: it has none
 */
public record Entry(byte[] value, Version version, long ttlMs) {}
