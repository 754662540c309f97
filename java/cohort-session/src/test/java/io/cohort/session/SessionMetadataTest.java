package io.cohort.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SessionMetadataTest {
  private static final SessionMetadata FULL = new SessionMetadata(1_700_000_000_000L, -1, 1800,
      true, "FORM", new SessionPrincipal("jörg", List.of("user", "admin")), new byte[] {1, 2, 3});

  private static SessionMetadata decode(byte[] bytes) {
    return SessionMetadata.decode(bytes).orElseThrow();
  }

  private static void assertSameContent(SessionMetadata expected, SessionMetadata actual) {
    assertArrayEquals(expected.encode(), actual.encode());
    assertEquals(expected.principal(), actual.principal());
    assertEquals(expected.authType(), actual.authType());
    assertEquals(expected.createdMs(), actual.createdMs());
    assertEquals(expected.lastAccessedMs(), actual.lastAccessedMs());
    assertEquals(expected.maxInactiveSeconds(), actual.maxInactiveSeconds());
    assertEquals(expected.isNew(), actual.isNew());
    assertArrayEquals(expected.connectorBytes(), actual.connectorBytes());
  }

  @Test
  void aRecordComesBackWithAndWithoutEachOfItsParts() {
    SessionMetadata bare = new SessionMetadata(1, 2, 0, false, null, null, null);
    assertSameContent(FULL, decode(FULL.encode()));
    assertSameContent(bare, decode(bare.encode()));
    SessionMetadata some =
        new SessionMetadata(1, 2, -1, false, null, new SessionPrincipal("x", List.of()), null);
    assertSameContent(some, decode(some.encode()));
  }

  @Test
  void theLargestRecordIsTakenAndOneBeyondALimitIsRefused() {
    String longest = "é".repeat(SessionPrincipal.NAME_BYTES_MAX / 2);
    List<String> roles = Collections.nCopies(SessionPrincipal.ROLES_MAX, longest);
    SessionPrincipal principal = new SessionPrincipal(longest, roles);
    byte[] own = new byte[SessionMetadata.CONNECTOR_BYTES_MAX];
    SessionMetadata largest = new SessionMetadata(1, 2, 3, true, "x".repeat(64), principal, own);
    assertSameContent(largest, decode(largest.encode()));
    assertThrows(IllegalArgumentException.class,
        () -> new SessionMetadata(1, 2, 3, true, "x".repeat(65), null, null));
    assertThrows(IllegalArgumentException.class,
        () -> new SessionMetadata(1, 2, 3, true, null, null, new byte[own.length + 1]));
    assertThrows(
        IllegalArgumentException.class, () -> new SessionPrincipal(longest + "x", List.of()));
    assertThrows(IllegalArgumentException.class, () -> new SessionPrincipal("", List.of()));
    assertThrows(IllegalArgumentException.class,
        () -> new SessionPrincipal("x", Collections.nCopies(1025, "r")));
  }

  @Test
  void whatALaterVersionHasAddedIsPassedOver() {
    byte[] bytes = FULL.encode();
    assertSameContent(FULL, decode(Arrays.copyOf(bytes, bytes.length + 100)));
    bytes[0] = 2;
    assertTrue(SessionMetadata.decode(bytes).isEmpty());
    byte[] large = Arrays.copyOf(FULL.encode(), SessionMetadata.ENCODED_BYTES_MAX + 1);
    assertTrue(SessionMetadata.decode(large).isEmpty());
  }

  @Test
  void truncatedAndFlippedBytesAreNeverAnException() {
    long seed = Long.getLong("cohort.seed", System.nanoTime());
    System.out.println("flipped metadata: -Dcohort.seed=" + seed);
    Random random = new Random(seed);
    byte[] whole = FULL.encode();
    for (int length = 0; length < whole.length; ++length) {
      assertTrue(SessionMetadata.decode(Arrays.copyOf(whole, length)).isEmpty());
    }
    for (int round = 0; round < 20_000; ++round) {
      byte[] bytes = whole.clone();
      for (int flips = 1 + random.nextInt(6); flips > 0; --flips) {
        bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
      }
      try {
        SessionMetadata.decode(bytes);
      } catch (Throwable e) {
        throw new AssertionError("seed " + seed + " round " + round, e);
      }
    }
  }
}
