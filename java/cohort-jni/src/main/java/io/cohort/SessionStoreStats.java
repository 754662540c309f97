package io.cohort;

/**
 * Numbers of a store.
 *
 * @param sessions replicas included; what others began and ended counts once the change feed has
 *     brought it here
 * @param owned of them, those of this member
 * @param local of them, those that are not in the group
 * @param bytes as {@link SessionStoreOptions#bytesMax} counts
 * @param saves writes of this store that were sent
 * @param claims sessions taken over
 * @param conflicts writes refused because another member owns the session
 * @param refusedAttributes left out of writes
 * @param expired by this store
 * @param evicted by this store
 * @param eventsDropped that the store had no room for; those that the JVM had none for are told to
 *     {@link SessionListener#onLost}
 */
public record SessionStoreStats(long sessions, long owned, long local, long bytes, long saves,
    long claims, long conflicts, long refusedAttributes, long expired, long evicted,
    long eventsDropped) {
  static final int NUMBERS = 11;

  static SessionStoreStats read(long[] of) {
    return new SessionStoreStats(
        of[0], of[1], of[2], of[3], of[4], of[5], of[6], of[7], of[8], of[9], of[10]);
  }
}
