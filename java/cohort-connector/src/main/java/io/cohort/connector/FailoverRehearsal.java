package io.cohort.connector;

import io.cohort.SessionChanges;
import io.cohort.SessionStore;
import io.cohort.SessionStoreOptions;
import io.cohort.session.AttributeCodec;
import io.cohort.session.DecodeResult;
import io.cohort.session.EncodeResult;
import io.cohort.session.SessionMetadata;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Goes the ways of a failover before there is one. The first sessions that come here from another
 * instance would otherwise be the first to meet the code that takes them over, which the JVM has
 * not loaded, linked or compiled until then, just when hundreds of users wait for it. A connector
 * rehearses in quiet moments, some rounds at a time, until there were {@link #ROUNDS}.
 *
 * <p>The session that is taken over is in a store of its own, which nobody else has, and holds
 * nothing of the application's classes: no listener is told, nothing is counted, nothing is sent.
 * Any thread; a second one waits for the rounds of the first.
 */
public final class FailoverRehearsal {
  /** As often as a method is called before the JVM's first compiler takes it (200), and more. */
  public static final int ROUNDS = 300;

  /** The id of the session. */
  public static final String ID = "rehearsal";

  private static final SessionMetadata METADATA =
      new SessionMetadata(0, 0, 1800, false, null, null, null);

  /** Takes the session over once, as a request does that was sent here, and lets it go again. */
  public interface Round {
    /** {@code store} has it by {@link #ID}. */
    void takeOver(SessionStore store);
  }

  private final ServerLog log;
  private int done;
  private boolean failed;

  /** Failures are told there. */
  public FailoverRehearsal(ServerLog log) {
    this.log = log;
  }

  /** Rounds that were gone through. */
  public synchronized int done() {
    return done;
  }

  /** Up to {@code rounds} more. What fails is not tried again: nobody depends on it. */
  public synchronized void run(int rounds, AttributeCodec codec, Round round) {
    int last = Math.min(done + rounds, ROUNDS);
    if (failed || done == last) return;
    try (SessionStore store = SessionStore.open(new SessionStoreOptions(ID), null)) {
      SessionChanges contents = new SessionChanges().metadata(METADATA.encode());
      attributes(codec).forEach(contents::set);
      failed = !store.create(ID, contents).ok();
      for (; !failed && done < last; ++done) round.takeOver(store);
    } catch (RuntimeException | LinkageError e) {
      failed = true;
      log.debug("failovers are not rehearsed any more: " + e);
    }
  }

  /** Some of each form that the codec has, as far as the application's rules let them in. */
  static Map<String, byte[]> attributes(AttributeCodec codec) {
    Map<String, byte[]> encoded = new LinkedHashMap<>();
    List<Object> values = List.of("text", 1L, 2, true, new byte[64],
        new ArrayList<>(List.of("one", "two")), new HashMap<>(Map.of("one", 1, "two", 2)));
    for (Object value : values) {
      if (codec.encode(value) instanceof EncodeResult.Encoded result
          && codec.decode(result.bytes()) instanceof DecodeResult.Decoded) {
        encoded.put("attribute-" + encoded.size(), result.bytes());
      }
    }
    return encoded;
  }
}
