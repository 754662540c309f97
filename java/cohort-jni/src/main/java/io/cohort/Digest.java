package io.cohort;

/**
 * Fingerprint of a map; equal on members that have applied the same writes.
 *
 * @param high of 128 bits
 * @param low the other half
 * @param entries of the map
 */
public record Digest(long high, long low, long entries) {
  /** The 128 bits as 32 hexadecimal digits. */
  public String hex() {
    return String.format("%016x%016x", high, low);
  }
}
