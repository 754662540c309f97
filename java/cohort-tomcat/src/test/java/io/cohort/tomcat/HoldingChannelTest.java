package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.SocketBufferHandler;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is written to a connection that keeps it. */
@Timeout(120)
class HoldingChannelTest {
  private static final long LONG_MS = 60_000;
  private static final int SECONDS_MAX = 60;

  private ServerSocketChannel server;
  private Socket client;
  private SocketChannel connection;
  private HoldingChannel channel;

  @BeforeEach
  void connect() throws IOException {
    server = ServerSocketChannel.open();
    // Small, so that a client that reads nothing is slow soon.
    server.setOption(StandardSocketOptions.SO_RCVBUF, 4096);
    server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    client = newClient();
    connection = accepted();
    NioChannel there = new NioChannel(new SocketBufferHandler(64, 64, false));
    there.reset(connection, null);
    channel = new HoldingChannel(there, null);
  }

  private Socket newClient() throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(4096);
    socket.setSoTimeout(SECONDS_MAX * 1000);
    socket.connect(server.getLocalAddress());
    return socket;
  }

  private SocketChannel accepted() throws IOException {
    SocketChannel accepted = server.accept();
    accepted.configureBlocking(false);
    accepted.setOption(StandardSocketOptions.SO_SNDBUF, 4096);
    return accepted;
  }

  @AfterEach
  void close() throws IOException {
    client.close();
    connection.close();
    server.close();
  }

  private static ByteBuffer bytes(String words) {
    return ByteBuffer.wrap(words.getBytes(StandardCharsets.US_ASCII));
  }

  private void write(String words) throws IOException {
    ByteBuffer all = bytes(words);
    while (all.hasRemaining()) channel.write(all);
  }

  private static String read(Socket from, int count) throws IOException {
    return new String(from.getInputStream().readNBytes(count), StandardCharsets.US_ASCII);
  }

  private static String readAll(Socket from) throws IOException {
    return new String(from.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
  }

  /** What may throw. */
  private interface Work {
    void run() throws IOException;
  }

  /** By a thread of its own, which waits with it. */
  private static CompletableFuture<Void> waiting(Work work) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    Thread thread = new Thread(() -> {
      try {
        work.run();
        done.complete(null);
      } catch (Throwable e) {
        done.completeExceptionally(e);
      }
    });
    thread.start();
    Instance.awaitTrue("it waits", () -> thread.getState() == Thread.State.TIMED_WAITING);
    assertFalse(done.isDone());
    return done;
  }

  @Test
  void isSentAtOnceWhereItIsNotToldTo() throws IOException {
    write("at once");
    assertEquals("at once", read(client, 7));
  }

  @Test
  void isSentInOneWhenItIsLetGo() throws IOException {
    KeptAnswer kept = channel.keep(LONG_MS);
    write("head ");
    write("and body");
    assertEquals(0, client.getInputStream().available());
    kept.letGo();
    assertEquals("head and body", read(client, 13));
    write("next");
    assertEquals("next", read(client, 4));
  }

  @Test
  void isNotSentWhereAnotherAnswerTakesItsPlace() throws IOException {
    KeptAnswer kept = channel.keep(LONG_MS);
    write("the page");
    kept.replace("refused".getBytes(StandardCharsets.US_ASCII));
    assertEquals("refused", readAll(client));
    assertThrows(IOException.class, () -> write("more"));
    assertThrows(IOException.class, () -> channel.keep(LONG_MS));
  }

  @Test
  void isSentOnceWhateverItIsToldAfterThat() throws IOException {
    KeptAnswer kept = channel.keep(LONG_MS);
    write("page");
    kept.letGo();
    kept.letGo();
    kept.replace("refused".getBytes(StandardCharsets.US_ASCII));
    write(" next");
    assertEquals("page next", read(client, 9));
  }

  @Test
  void isFollowedByWhatIsTooMuchToKeep() throws Exception {
    KeptAnswer kept = channel.keep(LONG_MS);
    write("k".repeat(KeptAnswer.BYTES_MAX));
    CompletableFuture<Void> more = waiting(() -> write("more"));
    kept.letGo();
    assertEquals("k".repeat(KeptAnswer.BYTES_MAX) + "more", read(client, KeptAnswer.BYTES_MAX + 4));
    more.get();
  }

  @Test
  void isFollowedByWhatIsWrittenAsMany() throws Exception {
    KeptAnswer kept = channel.keep(LONG_MS);
    write("kept");
    ByteBuffer[] two = {bytes(" and"), bytes(" more")};
    CompletableFuture<Void> more = waiting(() -> channel.write(two, 0, 2));
    kept.letGo();
    assertEquals("kept and more", read(client, 13));
    more.get();
  }

  @Test
  void isFollowedByTheEndOfTheConnection() throws IOException {
    KeptAnswer kept = channel.keep(LONG_MS);
    write("the last page");
    channel.close(true);
    assertTrue(connection.isOpen());
    kept.letGo();
    assertEquals("the last page", readAll(client));
    assertFalse(connection.isOpen());
  }

  @Test
  void goesToItsOwnClientWhereTheChannelServesAnother() throws IOException {
    KeptAnswer kept = channel.keep(LONG_MS);
    write("for the first");
    channel.close(true);
    try (Socket second = newClient(); SocketChannel other = accepted()) {
      channel.reset(other, null);
      write("for the second");
      assertEquals("for the second", read(second, 14));
      kept.letGo();
      assertEquals("for the first", readAll(client));
      assertTrue(other.isOpen());
    }
  }

  @Test
  void goesBeforeTheClientsNextRequestIsRead() throws Exception {
    KeptAnswer kept = channel.keep(LONG_MS);
    write("first");
    ByteBuffer request = ByteBuffer.allocate(10);
    assertEquals(0, channel.read(request));
    client.getOutputStream().write("next".getBytes(StandardCharsets.US_ASCII));
    CompletableFuture<Void> read = waiting(() -> {
      while (channel.read(request) == 0) Thread.onSpinWait();
    });
    kept.letGo();
    read.get();
    assertEquals(4, request.position());
    assertEquals("first", read(client, 5));
  }

  @Test
  void doesNotHoldUpWhoIsToldThatTheClientHasDoneSending() throws Exception {
    KeptAnswer kept = channel.keep(LONG_MS);
    write("page");
    client.shutdownOutput();
    ByteBuffer request = ByteBuffer.allocate(10);
    int count = 0;
    while (count == 0) count = channel.read(request);
    assertEquals(-1, count);
    channel.close(true);
    kept.letGo();
    assertEquals("page", readAll(client));
  }

  @Test
  void isForNobodyWhereTheClientIsGone() throws IOException {
    KeptAnswer kept = channel.keep(LONG_MS);
    write("page");
    client.setSoLinger(true, 0);
    client.close();
    kept.letGo();
    assertThrows(IOException.class, kept::awaitGone);
    channel.close(true);
    assertFalse(connection.isOpen());
  }

  @Test
  void isForNobodyWhereTheClientIsGoneAndTheConnectionIsClosed() throws IOException {
    KeptAnswer kept = channel.keep(LONG_MS);
    write("page");
    channel.close(true);
    client.setSoLinger(true, 0);
    client.close();
    kept.letGo();
    assertFalse(connection.isOpen());
  }

  @Test
  void isNotSentWhereAnotherTakesItsPlaceInAConnectionThatIsClosed() throws IOException {
    KeptAnswer kept = channel.keep(LONG_MS);
    write("the page");
    channel.close(true);
    kept.replace("refused".getBytes(StandardCharsets.US_ASCII));
    assertEquals("refused", readAll(client));
    assertFalse(connection.isOpen());
  }

  @Test
  void isLeftWhereNobodyLetsItGoAndTheConnectionIsClosed() throws IOException {
    KeptAnswer kept = channel.keep(1);
    write("page");
    channel.close(true);
    assertEquals("", readAll(client));
    kept.letGo();
    Instance.awaitTrue("it is closed", () -> !connection.isOpen());
  }

  @Test
  void isOneAtATime() throws IOException {
    assertTrue(channel.isFree());
    KeptAnswer kept = channel.keep(LONG_MS);
    assertFalse(channel.isFree());
    assertThrows(IOException.class, () -> channel.keep(LONG_MS));
    kept.letGo();
    assertTrue(channel.isFree());
  }

  // ---- Slow clients ------------------------------------------------------------------------

  // More than the kernel takes of it for a client that reads nothing.
  private KeptAnswer letGoMuch(long msMax) throws IOException {
    KeptAnswer kept = channel.keep(msMax);
    write("k".repeat(KeptAnswer.BYTES_MAX));
    kept.letGo();
    return kept;
  }

  @Test
  void goesAsTheClientTakesIt() throws Exception {
    for (int i = 0; i < 100; ++i) {
      KeptAnswer kept = letGoMuch(LONG_MS);
      CompletableFuture<Void> gone = waiting(kept::awaitGone);
      assertEquals("k".repeat(KeptAnswer.BYTES_MAX), read(client, KeptAnswer.BYTES_MAX));
      gone.get();
    }
  }

  @Test
  void goesToAClientThatIsSlowBeforeTheConnectionEnds() throws IOException {
    letGoMuch(LONG_MS);
    channel.close(true);
    assertTrue(connection.isOpen());
    assertEquals("k".repeat(KeptAnswer.BYTES_MAX), readAll(client));
    Instance.awaitTrue("it is closed", () -> !connection.isOpen());
  }

  @Test
  void isLeftWhereTheClientTakesNothing() throws IOException {
    letGoMuch(1);
    Instance.awaitTrue("it is left", () -> connection.socket().isOutputShutdown());
    assertThrows(IOException.class, () -> write("more"));
    assertEquals(-1, channel.read(ByteBuffer.allocate(10)));
    assertTrue(readAll(client).length() < KeptAnswer.BYTES_MAX);
  }

  @Test
  void isLeftWhereTheClientTakesNothingAndTheConnectionIsClosed() throws IOException {
    letGoMuch(1);
    channel.close(true);
    Instance.awaitTrue("it is closed", () -> !connection.isOpen());
  }

  @Test
  void isLeftWhereTooManyClientsAreSlow() throws IOException {
    SlowClients.setAnswersMax(1);
    try {
      KeptAnswer first = letGoMuch(LONG_MS);
      connect();
      letGoMuch(LONG_MS);
      assertTrue(connection.socket().isOutputShutdown());
      first.leave();
    } finally {
      SlowClients.setAnswersMax(SlowClients.ANSWERS_MAX);
    }
  }

  // ---- Who waits for it --------------------------------------------------------------------

  @Test
  void isNotWaitedForLongerThanItMay() throws IOException {
    KeptAnswer kept = channel.keep(1);
    write("page");
    assertThrows(IOException.class, kept::awaitGone);
    kept.letGo();
    assertEquals("", readAll(client));
  }

  @Test
  void isNotWaitedForByWhoIsInterrupted() throws IOException {
    channel.keep(LONG_MS);
    write("page");
    Thread.currentThread().interrupt();
    assertThrows(IOException.class, () -> write("k".repeat(KeptAnswer.BYTES_MAX)));
    assertTrue(Thread.interrupted());
    assertTrue(connection.isOpen());
  }
}
