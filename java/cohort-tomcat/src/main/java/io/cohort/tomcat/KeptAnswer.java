package io.cohort.tomcat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.concurrent.TimeUnit;

/**
 * The bytes of an answer that wait at their connection until they are let go, and what of them the
 * client has not taken by then. Any threads; none is held up but by {@link #awaitGone}.
 */
final class KeptAnswer {
  /** Of an answer; what is more waits until it has gone. */
  static final int BYTES_MAX = 32 << 10;

  private static final byte[] NOTHING = {};

  private enum State { KEEPING, GOING, GONE, BROKEN }

  private final SocketChannel to;
  private final long nanosMax;

  // All is guarded by this.
  private State state = State.KEEPING;
  private byte[] bytes = NOTHING;
  private ByteBuffer rest;
  private boolean isLast;
  private boolean isClosedAfter;
  private long until;

  /**
   * {@code msMax}: what it waits for its being let go, and then for a client that takes nothing.
   */
  KeptAnswer(SocketChannel to, long msMax) {
    this.to = to;
    nanosMax = TimeUnit.MILLISECONDS.toNanos(msMax);
    until = System.nanoTime() + nanosMax;
  }

  /** Takes all of {@code more}; false: it is not kept any more, or there would be too much. */
  synchronized boolean takes(ByteBuffer more) {
    int count = more.remaining();
    if (state != State.KEEPING || count > BYTES_MAX - bytes.length) return false;
    byte[] all = new byte[bytes.length + count];
    System.arraycopy(bytes, 0, all, 0, bytes.length);
    more.get(all, bytes.length, count);
    bytes = all;
    return true;
  }

  /** It goes. */
  synchronized void letGo() {
    if (state == State.KEEPING) send();
  }

  /** {@code answer} goes in place of it, and nothing after that. */
  synchronized void replace(byte[] answer) {
    if (state != State.KEEPING) return;
    bytes = answer;
    isLast = true;
    send();
  }

  /** It does not go, nor does anything after it, if it has not gone yet. */
  synchronized void leave() {
    if (!hasEnded()) end(State.BROKEN);
  }

  /** Closes the connection when it has gone, or cannot; false: that is so already. */
  synchronized boolean closesAfter() {
    isClosedAfter = !hasEnded();
    return isClosedAfter;
  }

  /** May something be sent after it? */
  synchronized boolean hasGone() {
    return state == State.GONE;
  }

  /** Has it gone, or been left? That it is if its time is over. */
  synchronized boolean hasEndedByNow() {
    if (!hasEnded() && System.nanoTime() - until >= 0) end(State.BROKEN);
    return hasEnded();
  }

  /** Returns when it has gone. Throws if it will not, so that nothing may be sent after it. */
  synchronized void awaitGone() throws IOException {
    while (!hasEndedByNow()) {
      // Longer than nothing.
      awaitTurn(1 + TimeUnit.NANOSECONDS.toMillis(until - System.nanoTime()));
    }
    if (state == State.BROKEN) throw new IOException("the connection has ended with an answer");
  }

  private boolean hasEnded() {
    return state == State.GONE || state == State.BROKEN;
  }

  private void awaitTurn(long ms) throws IOException {
    try {
      wait(Math.max(1, ms));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while an answer was to go first", e);
    }
  }

  private void send() {
    state = State.GOING;
    try {
      rest = ByteBuffer.wrap(bytes);
      bytes = NOTHING;
      if (sendSome()) {
        end(State.GONE);
      } else {
        SlowClients.send(this);
      }
    } catch (IOException | RuntimeException | Error e) {
      end(State.BROKEN);
    }
  }

  // Is that all?
  private boolean sendSome() throws IOException {
    int before = rest.remaining();
    while (rest.hasRemaining() && to.write(rest) > 0) continue;
    if (before == 0 || rest.remaining() < before) until = System.nanoTime() + nanosMax;
    return !rest.hasRemaining();
  }

  private void end(State next) {
    state = isLast ? State.BROKEN : next;
    bytes = NOTHING;
    rest = null;
    notifyAll();
    try {
      if (isClosedAfter) {
        to.close();
      } else if (state == State.BROKEN) {
        // Tomcat, which is told so by its next read, closes it.
        to.shutdownOutput();
        to.shutdownInput();
      }
    } catch (IOException closedAlready) {
      // All the same.
    }
  }

  // ---- With a client that does not take it at once ----------------------------------------

  /** {@code selector} tells when more of it can be sent. */
  void awaitClient(Selector selector) throws IOException {
    to.register(selector, SelectionKey.OP_WRITE, this);
  }

  /** Sends more of it, if {@code isReady}. False: it has ended, and has left the key. */
  synchronized boolean goesOn(SelectionKey key, boolean isReady) {
    if (!hasEnded()) {
      State next = State.BROKEN;
      try {
        if (isReady && sendSome()) {
          next = State.GONE;
        } else if (System.nanoTime() - until < 0) {
          return true;
        }
      } catch (IOException | RuntimeException | Error gone) {
        // It is broken.
      }
      leave(key);
      end(next);
    } else {
      leave(key);
    }
    return false;
  }

  // Before anyone learns that it has ended: the next answer of the connection may need the key,
  // which is left where it is for that.
  private static void leave(SelectionKey key) {
    key.attach(null);
    try {
      key.interestOps(0);
    } catch (CancelledKeyException closed) {
      // The selector has done with it.
    }
  }
}
