package io.cohort.jetty;

import java.nio.ByteBuffer;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.server.Context;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets an answer go when its session is saved, and turns it into 503 where the session's changes
 * were refused at the last moment, so that nobody is told of a change that is not there.
 *
 * <p>An answer in one piece waits without a thread: Jetty is told that it has gone, and goes on to
 * the end of the request, which is kept here until the answer has gone indeed.
 *
 * <p>The session is saved by Jetty's own wrapper of the stream, immediately before it hands the
 * answer on to this one, on the same thread; that has no way to say what became of it. Each request
 * of a context has a stream of its own here, whatever connector it came by: so a mark on the thread
 * never outlives the answer that it is for. Where a request is passed on to another context, the
 * sessions of both may mark it.
 */
final class AnswerStream extends HttpStream.Wrapper {
  /** Bytes of an answer that waits without a thread; a larger one waits with its thread. */
  static final int KEPT_BYTES_MAX = 64 << 10;

  // Both are of the answer that this thread sends next.
  private static final ThreadLocal<Boolean> REFUSED = new ThreadLocal<>();
  private static final ThreadLocal<LeftSave> LEFT = new ThreadLocal<>();

  private static final String INSTALLED = AnswerStream.class.getName();
  private static final Installer INSTALLER = new Installer();

  private static final Logger log = LoggerFactory.getLogger(AnswerStream.class);

  // Jetty's own: by it whoever wants to hears of the ends of requests.
  private static final String LISTENED =
      "org.eclipse.jetty.server.internal.CompletionStreamWrapper";

  private final boolean mayKeep;
  // Of an interim answer, after which the one comes that they are for.
  private LeftSave early;
  private boolean earlyRefused;
  private boolean refusing;
  // Null: the answer is not kept.
  private volatile Kept kept;

  private AnswerStream(Request request, HttpStream wrapped) {
    super(wrapped);
    mayKeep = isAlone(request) && isBare(wrapped);
  }

  // The streams of one connection of HTTP/2 or 3 are written by whichever thread is at it, which
  // then goes on with the ends of all of them.
  private static boolean isAlone(Request request) {
    return request.getConnectionMetaData().getHttpVersion().getVersion()
        <= HttpVersion.HTTP_1_1.getVersion();
  }

  // The thread by which a kept answer goes tells the end of the request, and must not wait. Who
  // listens for that does not, as with any answer that Jetty writes later. What else is further in
  // may do anything, as save the session of another context.
  private static boolean isBare(HttpStream stream) {
    HttpStream inner = stream;
    while (inner instanceof HttpStream.Wrapper wrapper
        && wrapper.getClass().getName().equals(LISTENED)) {
      inner = wrapper.getWrapped();
    }
    return !(inner instanceof HttpStream.Wrapper);
  }

  /** All requests of the context; once is enough, more do no harm. */
  static void installInto(ContextHandler context) {
    context.addEventListener(INSTALLER);
  }

  /** A session's changes were refused; the answer that this thread sends next must not go out. */
  static void refuse() {
    REFUSED.set(true);
  }

  /** May a save be left to the answer that this thread sends next? One of them. */
  static boolean mayLeave() {
    return LEFT.get() == null && REFUSED.get() == null;
  }

  /** That answer waits for it. */
  static void leave(LeftSave save) {
    LEFT.set(save);
  }

  // ---- Sending ----------------------------------------------------------------------------

  @Override
  public void send(MetaData.Request request, MetaData.Response response, boolean last,
      ByteBuffer content, Callback callback) {
    if (response == null) {
      sendMore(request, last, content, callback);
      return;
    }
    LeftSave save = LEFT.get();
    if (save != null) LEFT.remove();
    boolean refused = REFUSED.get() != null;
    if (refused) REFUSED.remove();
    if (HttpStatus.isInterim(response.getStatus())) {
      // What its session was saved for, and had to be refused for, holds for the one that follows.
      if (save != null) early = save;
      earlyRefused |= refused;
      super.send(request, response, last, content, callback);
      return;
    }
    refused |= earlyRefused || (early != null && early.wasRefused());
    if (save != null && !refused && !save.isKnown() && mayBeKept(save, response, last, content)) {
      keep(save, request, response, content, callback);
      return;
    }
    // Also of one that is refused anyway: it has the session until then.
    if (save != null) refused |= save.wasRefused();
    if (refused) {
      refuse(request, response, callback);
    } else {
      super.send(request, response, last, content, callback);
    }
  }

  private void sendMore(
      MetaData.Request request, boolean last, ByteBuffer content, Callback callback) {
    if (refusing) {
      if (content != null) content.position(content.limit());
      callback.succeeded();
    } else {
      super.send(request, null, last, content, callback);
    }
  }

  private void refuse(MetaData.Request request, MetaData.Response response, Callback callback) {
    refusing = true;
    HttpFields headers = HttpFields.build()
                             .put(HttpHeader.CONTENT_LENGTH, 0)
                             .put(HttpHeader.RETRY_AFTER, "0")
                             .put("Cohort", "another instance has changed the session meanwhile");
    super.send(request,
        new MetaData.Response(
            HttpStatus.SERVICE_UNAVAILABLE_503, null, response.getHttpVersion(), headers, 0),
        true, null, callback);
  }

  // ---- Keeping ----------------------------------------------------------------------------

  private boolean mayBeKept(
      LeftSave save, MetaData.Response response, boolean last, ByteBuffer content) {
    return mayKeep && last && BufferUtil.length(content) <= KEPT_BYTES_MAX
        && response.getStatus() >= HttpStatus.OK_200 && response.getTrailersSupplier() == null
        && save.takeRoom(BufferUtil.length(content));
  }

  private void keep(LeftSave save, MetaData.Request request, MetaData.Response response,
      ByteBuffer content, Callback callback) {
    // The memory is Jetty's, and is used again once it has gone.
    ByteBuffer copy =
        content == null ? null : ByteBuffer.allocate(content.remaining()).put(content).flip();
    Kept answer = new Kept();
    kept = answer;
    save.keep(refused -> go(answer, refused, request, response, copy));
    callback.succeeded();
  }

  private void go(Kept answer, boolean refused, MetaData.Request request,
      MetaData.Response response, ByteBuffer content) {
    try {
      if (refused) {
        refuse(request, response, answer);
      } else {
        super.send(request, response, true, content, answer);
      }
    } catch (RuntimeException | Error e) {
      log.warn("an answer that waited for its save cannot go", e);
      answer.failed(e);
    }
  }

  /** Once an answer is kept, one that says that it has begun: no other one may be sent. */
  @Override
  public HttpStream getWrapped() {
    HttpStream wrapped = super.getWrapped();
    return kept == null ? wrapped : new CommittedStream(wrapped);
  }

  @Override
  public void succeeded() {
    end(null);
  }

  @Override
  public void failed(Throwable why) {
    end(why);
  }

  private void end(Throwable why) {
    Kept answer = kept;
    if (answer == null) {
      finish(why);
    } else {
      answer.end(why);
    }
  }

  private void finish(Throwable why) {
    if (why == null) {
      super.succeeded();
    } else {
      super.failed(why);
    }
  }

  /** Of an answer that is kept: the request ends when it has gone, and when Jetty says so. */
  private final class Kept implements Callback {
    // Guarded by this.
    private boolean isGone;
    private boolean isEnded;
    private Throwable failure;

    @Override
    public void succeeded() {
      onGone(null);
    }

    @Override
    public void failed(Throwable why) {
      onGone(why);
    }

    @Override
    public InvocationType getInvocationType() {
      return InvocationType.NON_BLOCKING;
    }

    private void onGone(Throwable why) {
      synchronized (this) {
        if (isGone) return;
        isGone = true;
        if (failure == null) failure = why;
        if (!isEnded) return;
      }
      finish(failure);
    }

    private void end(Throwable why) {
      synchronized (this) {
        if (isEnded) return;
        isEnded = true;
        if (why != null) failure = why;
        if (!isGone) return;
      }
      finish(failure);
    }
  }

  private static final class Installer implements ContextHandler.ContextScopeListener {
    @Override
    public void enterScope(Context context, Request request) {
      if (request == null || request.getAttribute(INSTALLED) != null) return;
      request.setAttribute(INSTALLED, true);
      request.addHttpStreamWrapper(stream -> new AnswerStream(request, stream));
    }
  }
}
