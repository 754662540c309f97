package io.cohort.jetty;

import java.nio.ByteBuffer;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.server.TunnelSupport;
import org.eclipse.jetty.util.Callback;

/** Another stream, whose answer has begun as far as anybody else is to know. */
final class CommittedStream implements HttpStream {
  private final HttpStream stream;

  CommittedStream(HttpStream stream) {
    this.stream = stream;
  }

  @Override
  public boolean isCommitted() {
    return true;
  }

  // ---- As it is ---------------------------------------------------------------------------

  @Override
  public String getId() {
    return stream.getId();
  }

  @Override
  public Content.Chunk read() {
    return stream.read();
  }

  @Override
  public void demand() {
    stream.demand();
  }

  @Override
  public void prepareResponse(HttpFields.Mutable headers) {
    stream.prepareResponse(headers);
  }

  @Override
  public void send(MetaData.Request request, MetaData.Response response, boolean last,
      ByteBuffer content, Callback callback) {
    stream.send(request, response, last, content, callback);
  }

  @Override
  public void push(MetaData.Request resource) {
    stream.push(resource);
  }

  @Override
  public long getIdleTimeout() {
    return stream.getIdleTimeout();
  }

  @Override
  public void setIdleTimeout(long idleTimeoutMs) {
    stream.setIdleTimeout(idleTimeoutMs);
  }

  @Override
  public TunnelSupport getTunnelSupport() {
    return stream.getTunnelSupport();
  }

  @Override
  public Throwable consumeAvailable() {
    return stream.consumeAvailable();
  }

  @Override
  public void succeeded() {
    stream.succeeded();
  }

  @Override
  public void failed(Throwable why) {
    stream.failed(why);
  }

  @Override
  public InvocationType getInvocationType() {
    return stream.getInvocationType();
  }
}
