package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.security.authentication.FormAuthenticator;
import org.eclipse.jetty.util.Fields;
import org.junit.jupiter.api.Test;

/** What goes along of a request that a login form has interrupted. */
class JettyFormTest {
  private static Map<String, Object> newForm() {
    Fields fields = new Fields(true);
    fields.add("name", "bü");
    fields.add("name", "");
    fields.add("other", "x");
    Map<String, Object> attributes = new HashMap<>();
    attributes.put(FormAuthenticator.__J_URI, HttpURI.from("http://shop.test/private?page=2"));
    attributes.put(FormAuthenticator.__J_METHOD, "POST");
    attributes.put(FormAuthenticator.__J_POST, fields);
    return attributes;
  }

  @Test
  void anInterruptedRequestComesBackAsItWas() {
    assertEquals(newForm(), JettyForm.decode(JettyForm.encode(newForm())));
  }

  @Test
  void oneWithoutFieldsComesBackWithoutFields() {
    Map<String, Object> attributes = newForm();
    attributes.remove(FormAuthenticator.__J_METHOD);
    attributes.remove(FormAuthenticator.__J_POST);
    assertEquals(attributes, JettyForm.decode(JettyForm.encode(attributes)));
  }

  @Test
  void whatIsNotJettysOrCutOffIsNone() {
    byte[] bytes = JettyForm.encode(newForm());
    for (int length = 0; length < bytes.length; ++length) {
      assertEquals(Map.of(), JettyForm.decode(Arrays.copyOf(bytes, length)));
    }
    bytes[0] = 'T';
    assertEquals(Map.of(), JettyForm.decode(bytes));
    assertEquals(Map.of(), JettyForm.decode(null));
  }

  @Test
  void oneThatIsTooLargeStaysHere() {
    Map<String, Object> attributes = newForm();
    ((Fields) attributes.get(FormAuthenticator.__J_POST)).add("x", "y".repeat(JettyForm.BYTES_MAX));
    assertNull(JettyForm.encode(attributes));
    ((Fields) attributes.get(FormAuthenticator.__J_POST)).add("x", "y".repeat(70_000));
    assertNull(JettyForm.encode(attributes));
  }

  @Test
  void aSessionWithoutOneHasNothing() {
    assertNull(JettyForm.encode(Map.of()));
  }
}
