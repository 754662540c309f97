package io.cohort.glassfish;

import io.cohort.Session;
import io.cohort.SessionChanges;
import java.nio.ByteBuffer;
import org.glassfish.ha.store.util.SimpleMetadata;

/**
 * A session as GlassFish gives it, in the words of a session store. Its bytes, which GlassFish's
 * own classes wrote, are one attribute. The metadata is a byte for the format, 1; version, last
 * access and longest idle time (8 bytes each, big-endian).
 */
final class StoredState {
  static final String ATTRIBUTE = "glassfish-session";
  private static final byte FORMAT = 1;
  private static final int METADATA_BYTES = 1 + 3 * Long.BYTES;

  private StoredState() {}

  static SessionChanges changes(SimpleMetadata value) {
    ByteBuffer metadata = ByteBuffer.allocate(METADATA_BYTES)
                              .put(FORMAT)
                              .putLong(value.getVersion())
                              .putLong(value.getLastAccessTime())
                              .putLong(value.getMaxInactiveInterval());
    return new SessionChanges()
        .set(ATTRIBUTE, value.getState())
        .metadata(metadata.array())
        .maxInactiveMs(value.getMaxInactiveInterval());
  }

  /** Null: it has not what a session of GlassFish has. */
  static SimpleMetadata read(Session session) {
    byte[] state = session.attributes().get(ATTRIBUTE);
    ByteBuffer metadata = ByteBuffer.wrap(session.metadata());
    // A later format may have more behind.
    if (state == null || metadata.remaining() < METADATA_BYTES || metadata.get() != FORMAT) {
      return null;
    }
    return new SimpleMetadata(metadata.getLong(), metadata.getLong(), metadata.getLong(), state);
  }
}
