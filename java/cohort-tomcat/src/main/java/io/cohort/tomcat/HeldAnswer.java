package io.cohort.tomcat;

import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.coyote.http11.Http11InputBuffer;
import org.apache.coyote.http11.Http11Processor;
import org.apache.juli.logging.Log;
import org.apache.juli.logging.LogFactory;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.NioEndpoint.NioSocketWrapper;

/**
 * An answer of HTTP/1 that Tomcat finishes and writes as any other one, and that is kept at its
 * connection until the request is saved ({@link HoldingChannel}). It costs least: nothing of Tomcat
 * waits.
 */
final class HeldAnswer extends LateAnswer {
  private static final Field HOOK = TomcatFields.HOOK;
  private static final Field WRAPPER = TomcatFields.WRAPPER;
  private static final Field INPUT = TomcatFields.INPUT;
  private static final Field SOCKET = TomcatFields.SOCKET;

  private static final Log log = LogFactory.getLog(HeldAnswer.class);

  private final HoldingChannel channel;
  private final boolean isHead;
  // Null: it does not wait yet.
  private KeptAnswer kept;

  private HeldAnswer(HoldingChannel channel, boolean isHead, SaveWaits waits) {
    super(waits);
    this.channel = channel;
    this.isHead = isHead;
  }

  /** Of a request that is at its end; null: its connection is of another kind. */
  static HeldAnswer of(Request request, Response response, SaveWaits waits) {
    if (!waits.isHoldingAllowed()) return null;
    if (HOOK == null || WRAPPER == null || INPUT == null || SOCKET == null) return null;
    if (!request.getProtocol().startsWith("HTTP/1.")) return null;
    try {
      HoldingChannel channel = channelOf(response.getCoyoteResponse());
      if (channel == null) return null;
      return new HeldAnswer(channel, request.getMethod().equals("HEAD"), waits);
    } catch (IllegalAccessException e) {
      return null;
    }
  }

  private static HoldingChannel channelOf(org.apache.coyote.Response response)
      throws IllegalAccessException {
    Object processor = HOOK.get(response);
    if (processor == null || processor.getClass() != Http11Processor.class) return null;
    if (!(WRAPPER.get(processor) instanceof NioSocketWrapper wrapper)) return null;
    // Else Tomcat has a part of the next request already, whose answer would not wait for this one.
    if (!(INPUT.get(processor) instanceof Http11InputBuffer input)) return null;
    if (input.getByteBuffer().hasRemaining()) return null;
    if (!wrapper.getSocketBufferHandler().isReadBufferEmpty()) return null;
    NioChannel there = wrapper.getSocket();
    if (there instanceof HoldingChannel channel) return channel.isFree() ? channel : null;
    // Not one of TLS, nor one that is closed.
    if (there.getClass() != NioChannel.class) return null;
    HoldingChannel channel = new HoldingChannel(there, wrapper);
    SOCKET.set(wrapper, channel);
    return channel;
  }

  @Override
  void startWaiting() throws IOException {
    kept = channel.keep(waits.answerMsMax());
  }

  @Override
  void go(Saved value) {
    try {
      if (value == Saved.CONFLICT) {
        kept.replace(refusal());
      } else {
        kept.letGo();
      }
    } catch (RuntimeException | Error e) {
      kept.leave();
      log.warn("an answer that waited for its save cannot go", e);
    }
  }

  private byte[] refusal() {
    String page = "HTTP/1.1 503 \r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: "
        + CohortValve.CHANGED.length() + "\r\nConnection: close\r\n\r\n"
        + (isHead ? "" : CohortValve.CHANGED);
    return page.getBytes(StandardCharsets.UTF_8);
  }
}
