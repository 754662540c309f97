package io.cohort.jetty;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.security.authentication.FormAuthenticator;
import org.eclipse.jetty.util.Fields;

/**
 * The request that Jetty's login form has interrupted, between Jetty's own attributes, which stay
 * on their instance, and bytes in the session's record that only this connector reads.
 *
 * <p>Encoded: kind of the server (1 byte), format (1), address, whether there is a method, and it,
 * whether there is a form, and its fields, each with its name, until there are no more.
 */
final class JettyForm {
  private JettyForm() {}

  /** Bytes of it; a larger request has to be asked again after a failover. */
  static final int BYTES_MAX = 32 * 1024;

  /** The attribute that is there if and only if a request was interrupted. */
  static final String ATTRIBUTE = FormAuthenticator.__J_URI;

  // Tomcat's begin with another one.
  private static final byte JETTY = 'J';
  private static final byte FORMAT = 1;

  /** Null: there is none, or it is too large. */
  static byte[] encode(Map<String, Object> attributes) {
    if (!(attributes.get(ATTRIBUTE) instanceof HttpURI address)) return null;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeByte(JETTY);
      out.writeByte(FORMAT);
      out.writeUTF(address.asString());
      Object method = attributes.get(FormAuthenticator.__J_METHOD);
      out.writeBoolean(method instanceof String);
      if (method instanceof String text) out.writeUTF(text);
      Object posted = attributes.get(FormAuthenticator.__J_POST);
      out.writeBoolean(posted instanceof Fields);
      if (posted instanceof Fields fields) putFields(out, fields);
    } catch (IOException tooLong) {
      return null;
    }
    return bytes.size() <= BYTES_MAX ? bytes.toByteArray() : null;
  }

  private static void putFields(DataOutputStream out, Fields fields) throws IOException {
    for (Fields.Field each : fields) {
      for (String value : each.getValues()) {
        out.writeBoolean(true);
        out.writeUTF(each.getName());
        out.writeUTF(value == null ? "" : value);
      }
    }
    out.writeBoolean(false);
  }

  /** The attributes of such bytes; none if they are another server's, or wrong. */
  static Map<String, Object> decode(byte[] bytes) {
    if (bytes == null) return Map.of();
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
    try {
      if (in.readByte() != JETTY || in.readByte() != FORMAT) return Map.of();
      Map<String, Object> attributes = new HashMap<>();
      attributes.put(ATTRIBUTE, HttpURI.from(in.readUTF()));
      if (in.readBoolean()) attributes.put(FormAuthenticator.__J_METHOD, in.readUTF());
      if (in.readBoolean()) attributes.put(FormAuthenticator.__J_POST, getFields(in));
      return attributes;
    } catch (IOException | IllegalArgumentException e) {
      return Map.of();
    }
  }

  private static Fields getFields(DataInputStream in) throws IOException {
    Fields fields = new Fields(true);
    while (in.readBoolean()) fields.add(in.readUTF(), in.readUTF());
    return fields;
  }
}
