package io.cohort.tomcat;

import jakarta.servlet.http.Cookie;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.apache.catalina.authenticator.SavedRequest;
import org.apache.tomcat.util.buf.ByteChunk;

/**
 * The request that a login form has interrupted, and that Tomcat goes on with after the login, as
 * bytes. Not by Java serialization: no class of the server is made of what a member sends.
 */
final class InterruptedRequest {
  private InterruptedRequest() {}

  /**
   * The request as bytes; equal requests of one object have equal bytes.
   *
   * @throws IllegalArgumentException if a text of it is longer than 64 KiB
   */
  static byte[] encode(SavedRequest request) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      putText(out, request.getMethod());
      putText(out, request.getRequestURI());
      putText(out, request.getDecodedRequestURI());
      putText(out, request.getQueryString());
      putText(out, request.getContentType());
      for (String name : list(request.getHeaderNames())) {
        for (String value : list(request.getHeaderValues(name))) {
          putText(out, name);
          putText(out, value);
        }
      }
      putText(out, null);
      for (Cookie each : list(request.getCookies())) {
        putText(out, each.getName());
        putText(out, each.getValue());
      }
      putText(out, null);
      for (Locale each : list(request.getLocales())) putText(out, each.toLanguageTag());
      putText(out, null);
      putBody(out, request.getBody());
      putInterval(out, originalInterval(request));
    } catch (IOException e) {
      throw new IllegalArgumentException("the request cannot be written: " + e.getMessage(), e);
    }
    return bytes.toByteArray();
  }

  /**
   * The request of such bytes.
   *
   * @throws IOException if they are none
   */
  static SavedRequest decode(byte[] bytes) throws IOException {
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
    SavedRequest request = new SavedRequest();
    request.setMethod(getText(in));
    request.setRequestURI(getText(in));
    request.setDecodedRequestURI(getText(in));
    request.setQueryString(getText(in));
    request.setContentType(getText(in));
    if (request.getMethod() == null || request.getDecodedRequestURI() == null) {
      throw new IOException("a request without method or address");
    }
    for (String name = getText(in); name != null; name = getText(in)) {
      request.addHeader(name, String.valueOf(getText(in)));
    }
    for (String name = getText(in); name != null; name = getText(in)) {
      request.addCookie(newCookie(name, getText(in)));
    }
    for (String tag = getText(in); tag != null; tag = getText(in)) {
      request.addLocale(Locale.forLanguageTag(tag));
    }
    request.setBody(getBody(in));
    if (in.readBoolean()) request.setOriginalMaxInactiveInterval(in.readInt());
    return request;
  }

  private static Cookie newCookie(String name, String value) throws IOException {
    try {
      return new Cookie(name, value);
    } catch (IllegalArgumentException e) {
      throw new IOException(e);
    }
  }

  private static <T> List<T> list(Iterator<T> from) {
    List<T> all = new ArrayList<>();
    from.forEachRemaining(all::add);
    return all;
  }

  private static void putText(DataOutputStream out, String text) throws IOException {
    out.writeBoolean(text != null);
    if (text != null) out.writeUTF(text);
  }

  private static String getText(DataInputStream in) throws IOException {
    return in.readBoolean() ? in.readUTF() : null;
  }

  private static void putBody(DataOutputStream out, ByteChunk body) throws IOException {
    int length = body == null ? -1 : body.getLength();
    out.writeInt(length);
    // An empty one may have no bytes at all.
    if (length > 0) out.write(body.getBytes(), body.getStart(), length);
  }

  private static ByteChunk getBody(DataInputStream in) throws IOException {
    int length = in.readInt();
    if (length < 0) return null;
    if (length > in.available()) throw new IOException("a body that is cut off");
    ByteChunk body = new ByteChunk();
    body.setBytes(in.readNBytes(length), 0, length);
    return body;
  }

  private static void putInterval(DataOutputStream out, Integer seconds) throws IOException {
    out.writeBoolean(seconds != null);
    if (seconds != null) out.writeInt(seconds);
  }

  // How long the session may be idle once its user has logged in; null: as it is.
  @SuppressWarnings("deprecation") // Older Tomcats do not have what takes its place.
  private static Integer originalInterval(SavedRequest request) {
    try {
      return request.getOriginalMaxInactiveIntervalOptional();
    } catch (NoSuchMethodError olderTomcat) {
      int seconds = request.getOriginalMaxInactiveInterval();
      return seconds > 0 ? seconds : null;
    }
  }
}
