package io.cohort.tomcat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.NioEndpoint.NioSocketWrapper;

/**
 * The channel of a connection, which can keep what Tomcat writes until it is let go. So Tomcat is
 * done with a request, and its thread and buffers serve another one, while the answer waits for its
 * save.
 *
 * <p>Nothing overtakes the answer: who reads a further request of the client meanwhile, or writes
 * more than {@link KeptAnswer#BYTES_MAX}, waits with its thread until it is gone; where Tomcat
 * closes the connection, it is closed after the answer. Threads are those that Tomcat uses a
 * channel with.
 */
final class HoldingChannel extends NioChannel {
  // Null, or the last one.
  private volatile KeptAnswer kept;

  /** In place of {@code there}, whose buffers it goes on with. */
  HoldingChannel(NioChannel there, NioSocketWrapper wrapper) {
    super(there.getBufHandler());
    sc = there.getIOChannel();
    socketWrapper = wrapper;
  }

  /** Can it keep one? */
  boolean isFree() {
    KeptAnswer answer = kept;
    return answer == null || answer.hasGone();
  }

  /** Keeps what is written from now on; what waits for that does so for this long at most. */
  KeptAnswer keep(long msMax) throws IOException {
    if (!isFree()) throw new IOException("the answer before has not gone");
    KeptAnswer answer = new KeptAnswer(sc, msMax);
    kept = answer;
    return answer;
  }

  private void awaitAnswer() throws IOException {
    KeptAnswer answer = kept;
    if (answer != null) answer.awaitGone();
  }

  // ---- What Tomcat does with it -----------------------------------------------------------

  @Override
  public int write(ByteBuffer from) throws IOException {
    int bytes = from.remaining();
    KeptAnswer answer = kept;
    if (answer != null && answer.takes(from)) return bytes;
    awaitAnswer();
    return super.write(from);
  }

  @Override
  public long write(ByteBuffer[] from, int offset, int length) throws IOException {
    awaitAnswer();
    return super.write(from, offset, length);
  }

  @Override
  public int read(ByteBuffer to) throws IOException {
    int bytes = super.read(to);
    if (bytes > 0) awaitAnswer();
    return bytes;
  }

  @Override
  public long read(ByteBuffer[] to, int offset, int length) throws IOException {
    long bytes = super.read(to, offset, length);
    if (bytes > 0) awaitAnswer();
    return bytes;
  }

  @Override
  public void close() throws IOException {
    KeptAnswer answer = kept;
    if (answer != null && answer.closesAfter()) {
      SlowClients.watch(answer);
    } else {
      super.close();
    }
  }

  // For another connection.
  @Override
  public void reset(SocketChannel channel, NioSocketWrapper wrapper) throws IOException {
    super.reset(channel, wrapper);
    kept = null;
  }
}
