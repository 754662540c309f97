package io.cohort.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ClassRulesTest {
  private static final ClassLoader LOADER = Codecs.LOADER;

  @Test
  void ofTheJdkOnlyWhatHoldsDataIsAllowed() throws ClassNotFoundException {
    ClassRules rules = ClassRules.of(LOADER);
    for (String name : new String[] {"java.lang.Integer", "java.util.HashMap",
             "java.util.ImmutableCollections$ListN", "java.util.CollSer", "java.time.Ser",
             "java.util.concurrent.ConcurrentHashMap$Segment", "java.io.FileNotFoundException",
             "java.sql.Timestamp", "sun.util.calendar.ZoneInfo"}) {
      assertTrue(rules.allows(Class.forName(name)), name);
    }
    for (String name : new String[] {"java.lang.invoke.SerializedLambda", "java.net.URL",
             "java.rmi.server.RemoteObject", "java.rmi.server.UnicastRemoteObject",
             "java.security.SignedObject", "java.util.logging.Level",
             "javax.management.BadAttributeValueExpException", "javax.naming.ldap.LdapName",
             "javax.script.ScriptException", "javax.swing.event.EventListenerList",
             "sun.reflect.annotation.AnnotationInvocationHandler",
             "com.sun.org.apache.xalan.internal.xsltc.trax.TemplatesImpl"}) {
      assertFalse(rules.allows(Class.forName(name, false, LOADER)), name);
    }
  }

  @Test
  void ofAnArrayTheElementsCount() {
    ClassRules rules = ClassRules.of(LOADER);
    assertTrue(rules.allows(long[][].class));
    assertTrue(rules.allows(String[].class));
    assertFalse(rules.allows(java.net.URL[][].class));
  }

  @Test
  void aPatternOnlyAllowsWhatItNamesAndTheSafeClassesOfTheJdk() {
    ClassRules rules = ClassRules.only(LOADER, "io.cohort.session.Codec*;!java.util.ArrayList");
    assertTrue(rules.allows(CodecLimits.class));
    assertFalse(rules.allows(Words.class));
    assertTrue(rules.allows(Integer.class));
    assertFalse(rules.allows(ArrayList.class));
    assertTrue(ClassRules.only(LOADER, "java.net.URL").allows(java.net.URL.class));
  }

  @Test
  void aPatternThatIsAddedLeavesTheOtherRules() {
    ClassRules rules = ClassRules.also(LOADER, "java.net.URL;!io.cohort.session.Words");
    assertTrue(rules.allows(java.net.URL.class));
    assertFalse(rules.allows(Words.class));
    assertTrue(rules.allows(CodecLimits.class));
    assertFalse(rules.allows(java.security.SignedObject.class));
  }

  @Test
  void patternsThatCannotBeAreRefused() {
    for (String bad : List.of("", "maxdepth=3")) {
      assertThrows(IllegalArgumentException.class, () -> ClassRules.only(LOADER, bad), bad);
    }
    String longest = "a;".repeat(ClassRules.PATTERN_CHARS_MAX / 2);
    assertFalse(ClassRules.also(LOADER, longest).allows(java.net.URL.class));
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> ClassRules.also(LOADER, longest + ";"));
    assertEquals("the pattern has 65537 characters, at most 65536", refused.getMessage());
  }
}
