package io.cohort.web;

import jakarta.servlet.AsyncContext;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.FilterConfig;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpSession;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.charset.StandardCharsets;
import java.util.Enumeration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * What the barest copy of each session at another server costs, to be measured beside real
 * replication: the attributes' bytes in one datagram, in clear, which the other server puts into a
 * map and acknowledges, before the answer goes. Nothing is repaired, ordered, compared or detected,
 * and nobody reads the copies. On where the system property {@code bare.peer} is set, a host's
 * address; {@code bare.bind} is one's own. With {@code bare.local} answers do not wait, with
 * {@code bare.async} no thread does.
 */
public final class BareCopy implements Filter {
  private static final int PORT = 7700;
  private static final int DATAGRAM_BYTES_MAX = 8192;
  private static final int BUFFER_BYTES = 4 << 20;
  private static final long PATIENCE_NS = 2_000_000_000;
  private static final boolean LOCAL = Boolean.getBoolean("bare.local");
  private static final boolean ASYNC = Boolean.getBoolean("bare.async");

  /** Who waits for the answer to one datagram. */
  private static final class Waiter {
    final Thread thread = Thread.currentThread();
    volatile boolean done;
    AsyncContext async;
  }

  private final Map<String, byte[]> copies = new ConcurrentHashMap<>();
  private final Map<Long, Waiter> waiters = new ConcurrentHashMap<>();
  private final AtomicLong numbers = new AtomicLong();
  private DatagramChannel channel;
  private InetSocketAddress peer;

  @Override
  public void init(FilterConfig config) throws ServletException {
    String address = System.getProperty("bare.peer");
    if (address == null)
      return;
    try {
      peer = new InetSocketAddress(address, PORT);
      channel = DatagramChannel.open();
      channel.setOption(StandardSocketOptions.SO_RCVBUF, BUFFER_BYTES);
      channel.bind(new InetSocketAddress(System.getProperty("bare.bind"), PORT));
    } catch (IOException failed) {
      throw new ServletException(failed);
    }
    Thread receiver = new Thread(this::receive, "bare-receive");
    receiver.setDaemon(true);
    receiver.start();
  }

  @Override
  public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
      throws IOException, ServletException {
    chain.doFilter(request, response);
    HttpSession session = peer == null ? null : ((HttpServletRequest) request).getSession(false);
    if (session != null)
      copy(request, session);
  }

  private void copy(ServletRequest request, HttpSession session) throws IOException {
    long number = numbers.incrementAndGet();
    ByteBuffer datagram = ByteBuffer.allocate(DATAGRAM_BYTES_MAX);
    datagram.putLong(number);
    append(datagram, session.getId());
    for (Enumeration<String> names = session.getAttributeNames(); names.hasMoreElements();) {
      String name = names.nextElement();
      append(datagram, name);
      append(datagram, session.getAttribute(name));
    }
    Waiter waiter = new Waiter();
    if (ASYNC) {
      request.setAttribute("org.apache.catalina.ASYNC_SUPPORTED", Boolean.TRUE);
      waiter.async = request.startAsync();
    }
    if (!LOCAL)
      waiters.put(number, waiter);
    channel.send(datagram.flip(), peer);
    if (LOCAL || ASYNC)
      return;
    long end = System.nanoTime() + PATIENCE_NS;
    for (long left; !waiter.done && (left = end - System.nanoTime()) > 0;)
      LockSupport.parkNanos(left);
    if (!waiter.done) {
      waiters.remove(number);
      throw new IOException("no answer to a bare copy");
    }
  }

  private static void append(ByteBuffer datagram, Object value) {
    byte[] bytes =
        value instanceof byte[] raw ? raw : String.valueOf(value).getBytes(StandardCharsets.UTF_8);
    datagram.putInt(bytes.length).put(bytes);
  }

  private void receive() {
    ByteBuffer datagram = ByteBuffer.allocateDirect(DATAGRAM_BYTES_MAX);
    ByteBuffer answer = ByteBuffer.allocateDirect(Long.BYTES);
    try {
      for (;;) {
        datagram.clear();
        InetSocketAddress from = (InetSocketAddress) channel.receive(datagram);
        datagram.flip();
        long number = datagram.getLong();
        if (!datagram.hasRemaining()) {
          answered(number);
          continue;
        }
        byte[] id = new byte[datagram.getInt()];
        datagram.get(id);
        byte[] bytes = new byte[datagram.remaining()];
        datagram.get(bytes);
        copies.put(new String(id, StandardCharsets.UTF_8), bytes);
        if (LOCAL)
          continue;
        answer.clear();
        channel.send(answer.putLong(number).flip(), from);
      }
    } catch (IOException closed) {
      // The server stops.
    }
  }

  private void answered(long number) {
    Waiter waiter = waiters.remove(number);
    if (waiter == null)
      return;
    waiter.done = true;
    if (waiter.async != null) {
      waiter.async.complete();
      return;
    }
    LockSupport.unpark(waiter.thread);
  }

  @Override
  public void destroy() {
    try {
      if (channel != null)
        channel.close();
    } catch (IOException ignored) {
      // Nobody waits for it.
    }
  }
}
