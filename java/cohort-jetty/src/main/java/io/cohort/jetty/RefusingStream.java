package io.cohort.jetty;

import java.nio.ByteBuffer;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.Callback;

/**
 * Turns an answer into 503 where the session's changes were refused at the last moment, so that
 * nobody is told of a change that is not there.
 *
 * <p>The session is saved by Jetty's own wrapper of the stream, immediately before it hands the
 * answer on to this one, on the same thread; that has no way to say that it went wrong.
 */
final class RefusingStream extends HttpStream.Wrapper {
  private static final ThreadLocal<Boolean> REFUSED = new ThreadLocal<>();

  private boolean refusing;

  private RefusingStream(HttpStream wrapped) {
    super(wrapped);
  }

  /** All requests of connectors with this configuration; once is enough, more do no harm. */
  static void installInto(HttpConfiguration configuration) {
    if (configuration.getCustomizer(Customizer.class) == null) {
      configuration.addCustomizer(new Customizer());
    }
  }

  /** A session's save begins on this thread. */
  static void begin() {
    REFUSED.remove();
  }

  /** It was refused; the answer that this thread sends next must not go out. */
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

  private static final class Customizer implements HttpConfiguration.Customizer {
    @Override
    public Request customize(Request request, HttpFields.Mutable responseHeaders) {
      request.addHttpStreamWrapper(RefusingStream::new);
      return request;
    }
  }
}
