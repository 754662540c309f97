package io.cohort.jetty;

import java.nio.ByteBuffer;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.server.Context;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.eclipse.jetty.util.Callback;

/**
 * Turns an answer into 503 where the session's changes were refused at the last moment, so that
 * nobody is told of a change that is not there.
 *
 * <p>The session is saved by Jetty's own wrapper of the stream, immediately before it hands the
 * answer on to this one, on the same thread; that has no way to say that it went wrong. Each
 * request of a context has a stream of its own here, whatever connector it came by: so a mark on
 * the thread never outlives the answer that it is for. Where a request is passed on to another
 * context, the sessions of both may mark it.
 */
final class RefusingStream extends HttpStream.Wrapper {
  private static final ThreadLocal<Boolean> REFUSED = new ThreadLocal<>();
  private static final String INSTALLED = RefusingStream.class.getName();
  private static final Installer INSTALLER = new Installer();

  private boolean refusing;

  private RefusingStream(HttpStream wrapped) {
    super(wrapped);
  }

  /** All requests of the context; once is enough, more do no harm. */
  static void installInto(ContextHandler context) {
    context.addEventListener(INSTALLER);
  }

  /** A session's changes were refused; the answer that this thread sends next must not go out. */
  static void refuse() {
    REFUSED.set(true);
  }

  @Override
  public void send(MetaData.Request request, MetaData.Response response, boolean last,
      ByteBuffer content, Callback callback) {
    if (response != null && REFUSED.get() != null) {
      REFUSED.remove();
      refusing = true;
      HttpFields headers = HttpFields.build()
                               .put(HttpHeader.CONTENT_LENGTH, 0)
                               .put(HttpHeader.RETRY_AFTER, "0")
                               .put("Cohort", "another instance has changed the session meanwhile");
      super.send(request,
          new MetaData.Response(
              HttpStatus.SERVICE_UNAVAILABLE_503, null, response.getHttpVersion(), headers, 0),
          true, null, callback);
    } else if (refusing) {
      if (content != null) content.position(content.limit());
      callback.succeeded();
    } else {
      super.send(request, response, last, content, callback);
    }
  }

  private static final class Installer implements ContextHandler.ContextScopeListener {
    @Override
    public void enterScope(Context context, Request request) {
      if (request == null || request.getAttribute(INSTALLED) != null) return;
      request.setAttribute(INSTALLED, true);
      request.addHttpStreamWrapper(RefusingStream::new);
    }
  }
}
