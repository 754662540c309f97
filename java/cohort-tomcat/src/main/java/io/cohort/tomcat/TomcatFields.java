package io.cohort.tomcat;

import java.lang.reflect.Field;
import org.apache.coyote.AbstractProcessor;
import org.apache.coyote.Response;
import org.apache.coyote.http11.Http11Processor;
import org.apache.tomcat.util.net.SocketWrapperBase;

/** What Tomcat has no methods for. Null: this Tomcat has no such field. */
final class TomcatFields {
  static final Field OUTPUT = find(Response.class, "outputBuffer");
  static final Field HOOK = find(Response.class, "hook");
  static final Field WRAPPER = find(AbstractProcessor.class, "socketWrapper");
  static final Field INPUT = find(Http11Processor.class, "inputBuffer");
  static final Field SOCKET = find(SocketWrapperBase.class, "socket");

  private TomcatFields() {}

  private static Field find(Class<?> type, String name) {
    try {
      Field field = type.getDeclaredField(name);
      field.setAccessible(true);
      return field;
    } catch (ReflectiveOperationException | RuntimeException notThisTomcat) {
      return null;
    }
  }
}
