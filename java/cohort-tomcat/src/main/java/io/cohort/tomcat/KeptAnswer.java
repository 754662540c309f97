package io.cohort.tomcat;

import java.io.IOException;
import java.nio.ByteBuffer;
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

  /** {@code msMax}: what it waits for its being let go, and then for a slow client. */
  KeptAnswer(SocketChannel to, long msMax) {
    this.to = to;
    nanosMax = TimeUnit.MILLISECONDS.toNanos(msMax);
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

  /** Closes the connection when it has gone; false: it has, or never will. */
  synchronized boolean closesAfter() {
    isClosedAfter = state == State.KEEPING || state == State.GOING;
    return isClosedAfter;
  }

  /** Returns when it has gone. Throws if it will not, so that nothing may be sent after it. */
  synchronized void awaitGone() throws IOException {
    long end = System.nanoTime() + nanosMax;
    while (state == State.KEEPING || state == State.GOING) {
      long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
      if (left > 0) {
        awaitTurn(left);
      } else {
        end(State.BROKEN);
      }
    }
    if (state == State.BROKEN) throw new IOException("the connection has ended with an answer");
  }

  private void awaitTurn(long ms) throws IOException {
    try {
      wait(ms);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while an answer was to go first", e);
    }
  }

  private void send() {
    rest = ByteBuffer.wrap(bytes);
    bytes = NOTHING;
    state = State.GOING;
    until = System.nanoTime() + nanosMax;
    try {
      if (!sendSome()) SlowClients.send(this);
    } catch (IOException | RuntimeException | Error e) {
      end(State.BROKEN);
    }
  }

  // Is that all?
  private boolean sendSome() throws IOException {
    while (rest.hasRemaining() && to.write(rest) > 0) continue;
    if (rest.hasRemaining()) return false;
    end(State.GONE);
    return true;
  }

  private void end(State next) {
    state = next;
    rest = null;
    notifyAll();
    try {
      if (isClosedAfter) {
        to.close();
      } else if (next == State.BROKEN) {
        // Tomcat, which is told so by its next read, closes it.
        to.shutdownOutput();
        to.shutdownInput();
      } else if (isLast) {
        // The client, which is told so, closes it.
        state = State.BROKEN;
        to.shutdownOutput();
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

  /** Sends more of it, if {@code isReady}; true: it has gone, or will not. */
  synchronized boolean goOn(boolean isReady) {
    if (state != State.GOING) return true;
    try {
      if (isReady && sendSome()) return true;
      if (System.nanoTime() - until < 0) return false;
    } catch (IOException | RuntimeException gone) {
      // It is broken.
    }
    end(State.BROKEN);
    return true;
  }
}
