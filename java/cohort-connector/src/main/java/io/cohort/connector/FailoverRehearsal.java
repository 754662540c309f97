package io.cohort.connector;

import io.cohort.SessionChanges;
import io.cohort.SessionResult;
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
 * has one in a JVM, whatever the number of its applications, and rehearses in quiet moments, some
 * rounds at a time, until there were {@link #ROUNDS}.
 *
 * <p>The session that is taken over is in a store of its own, which nobody else has, and holds
 * nothing of the application's classes: no listener is told, nothing is counted, nothing is sent.
 * Any thread; a second one waits for the rounds of the first.
 */
public final class FailoverRehearsal {
  /**
   * The first compiler takes a method after 200 calls, but looks only at each 128th of them, and
   * not at all while it has much to do, as it has when many reach that number at once.
   */
  public static final int ROUNDS = 1000;

  /** So many in a row; then the compiler is given time for what it was offered. */
  public static final int ROUNDS_AT_ONCE = 50;

  /** The id of the session. */
  public static final String ID = "rehearsal";

  private static final SessionMetadata METADATA =
      new SessionMetadata(0, 0, 1800, false, null, null, null);

  /** Takes the session over once, as a request does that was sent here, and lets it go again. */
  public interface Round {
    /** {@code store} has it by {@link #ID}. False: this application has stopped. */
    boolean takeOver(SessionStore store);
  }

  private int done;
  private boolean failed;

  /** None was gone through yet. */
  public FailoverRehearsal() {}

  /** Rounds that were gone through. */
  public synchronized int done() {
    return done;
  }

  /** Are there none left? Also if one has failed. */
  public synchronized boolean isOver() {
    return failed || done == ROUNDS;
  }

  /**
   * Up to {@code rounds} more. What fails is not tried again: nobody depends on it.
   *
   * @param codec of the application
   * @param log is told of failures
   */
  public synchronized void run(int rounds, AttributeCodec codec, ServerLog log, Round round) {
    if (isOver()) return;
    int last = Math.min(done + rounds, ROUNDS);
    try (SessionStore store = SessionStore.open(new SessionStoreOptions(ID), null)) {
      SessionResult made = store.create(ID, contents(codec));
      if (!made.ok()) throw new IllegalStateException(made.status() + ": " + made.text());
      while (done < last && round.takeOver(store)) ++done;
    } catch (RuntimeException | LinkageError e) {
      failed = true;
      log.debug("failovers are not rehearsed any more: " + e);
    }
  }

  private static SessionChanges contents(AttributeCodec codec) {
    SessionChanges contents = new SessionChanges().metadata(METADATA.encode());
    attributes(codec).forEach(contents::set);
    return contents;
  }

  /** Compact ones and serialized ones, as far as the application's rules let them in. */
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
