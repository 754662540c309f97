package io.cohort.session;

import java.io.ObjectInputFilter;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * Which classes an attribute may be made of. They are asked for every class, before anything of it
 * is read and before anything of it is written, so that what cannot be read elsewhere is not sent.
 *
 * <p>Of a class (of an array: of its elements; of a proxy: of each of its interfaces) the first
 * that knows it decides:
 *
 * <ol>
 *   <li>the patterns that were given, in the syntax of {@link ObjectInputFilter.Config}
 *       ({@code com.acme.shop.**;!com.acme.shop.Internal});
 *   <li>the JDK's values, collections, times and exceptions: allowed; the rest of the JDK, of which
 *       some can be made to run code, is not;
 *   <li>where {@link #only} was used: not allowed;
 *   <li>classes of libraries that are known to run what the bytes say ("gadgets"): not allowed,
 *       though they be the application's;
 *   <li>what the application's loader, or one below it (for compiled pages), has defined: allowed;
 *   <li>all else, the server's classes among them: not allowed.
 * </ol>
 *
 * <p>The list of gadgets is of those that are published, and no more. Whoever can say which classes
 * are in the sessions should say so, with {@link #only}. Immutable; any threads.
 */
public final class ClassRules {
  /** Bytes of a pattern. */
  public static final int PATTERN_CHARS_MAX = 64 * 1024;

  // Packages whose serializable classes only hold data. Not java.lang.invoke (lambdas: they call a
  // method of the class that the bytes name), not java.security (SignedObject deserializes again).
  private static final Set<String> SAFE_PACKAGES = Set.of("java.lang", "java.math", "java.text",
      "java.time", "java.time.chrono", "java.time.temporal", "java.util", "java.util.concurrent",
      "java.util.concurrent.atomic", "java.util.concurrent.locks", "java.util.regex");

  // java.net.URL is not among them: its hash code asks the DNS.
  private static final Set<String> SAFE_CLASSES =
      Set.of("java.io.File", "java.io.Serializable", "java.lang.reflect.InvocationHandler",
          "java.lang.reflect.Proxy", "java.net.URI", "java.sql.Date", "java.sql.SQLException",
          "java.sql.Time", "java.sql.Timestamp", "sun.util.calendar.ZoneInfo");

  // Beginnings of names. Where they come from: the published chains of gadgets; docs/java.md.
  private static final List<String> GADGETS = List.of("bsh.", "ch.qos.logback.core.db.",
      "clojure.core$", "clojure.inspector.", "com.caucho.naming.",
      "com.fasterxml.jackson.databind.node.POJONode", "com.mchange.v2.",
      "com.rometools.rome.feed.impl.", "com.sun.syndication.feed.impl.", "com.vaadin.data.util.",
      "com.zaxxer.hikari.", "groovy.util.Expando", "javassist.", "net.sf.json.",
      "org.apache.click.control.Column$", "org.apache.commons.beanutils.",
      "org.apache.commons.collections.comparators.TransformingComparator",
      "org.apache.commons.collections.functors.",
      "org.apache.commons.collections.keyvalue.TiedMapEntry",
      "org.apache.commons.collections.map.LazyMap",
      "org.apache.commons.collections4.comparators.TransformingComparator",
      "org.apache.commons.collections4.functors.",
      "org.apache.commons.collections4.keyvalue.TiedMapEntry",
      "org.apache.commons.collections4.map.LazyMap",
      "org.apache.commons.configuration.JNDIConfiguration", "org.apache.commons.fileupload.disk.",
      "org.apache.commons.fileupload2.", "org.apache.myfaces.context.servlet.",
      "org.apache.myfaces.el.", "org.apache.myfaces.view.facelets.el.",
      "org.apache.wicket.util.upload.", "org.apache.xalan.xsltc.trax.", "org.aspectj.weaver.",
      "org.codehaus.groovy.runtime.", "org.hibernate.engine.spi.TypedValue",
      "org.hibernate.property.", "org.hibernate.tuple.", "org.hibernate.type.ComponentType",
      "org.jboss.interceptor.", "org.jboss.weld.interceptor.", "org.mozilla.javascript.",
      "org.python.core.", "org.springframework.aop.", "org.springframework.beans.factory.",
      "org.springframework.core.SerializableTypeWrapper", "org.springframework.jndi.",
      "org.springframework.transaction.jta.", "scala.collection.immutable.LazyList",
      "scala.math.Ordering$");

  private final ClassLoader application;
  private final ObjectInputFilter pattern;
  private final boolean patternOnly;

  private ClassRules(ClassLoader application, String pattern, boolean patternOnly) {
    this.application = Objects.requireNonNull(application, "application");
    this.pattern = pattern == null ? null : compile(pattern);
    this.patternOnly = patternOnly;
  }

  /** The rules without a pattern, for the application that {@code application} loads. */
  public static ClassRules of(ClassLoader application) {
    return new ClassRules(application, null, false);
  }

  /**
   * Allows what {@code pattern} allows and the safe classes of the JDK that it does not refuse, and
   * nothing else.
   *
   * @throws IllegalArgumentException if it is no pattern, or longer than {@link #PATTERN_CHARS_MAX}
   */
  public static ClassRules only(ClassLoader application, String pattern) {
    return new ClassRules(application, Objects.requireNonNull(pattern, "pattern"), true);
  }

  /**
   * Asks {@code pattern} first, and where it does not know a class goes on with the other rules.
   *
   * @throws IllegalArgumentException if it is no pattern, or longer than {@link #PATTERN_CHARS_MAX}
   */
  public static ClassRules also(ClassLoader application, String pattern) {
    return new ClassRules(application, Objects.requireNonNull(pattern, "pattern"), false);
  }

  /** What resolves the names of classes. */
  ClassLoader application() {
    return application;
  }

  /** May an attribute have an object of this class in it? */
  public boolean allows(Class<?> type) {
    Class<?> element = type;
    while (element.isArray()) element = element.getComponentType();
    if (element.isPrimitive()) return true;
    if (!Proxy.isProxyClass(element)) return allowsElement(element);
    for (Class<?> each : element.getInterfaces()) {
      if (!allowsElement(each)) return false;
    }
    return true;
  }

  private boolean allowsElement(Class<?> type) {
    if (pattern != null) {
      ObjectInputFilter.Status status = pattern.checkInput(new Question(type));
      if (status != ObjectInputFilter.Status.UNDECIDED) {
        return status == ObjectInputFilter.Status.ALLOWED;
      }
    }
    if (isOfJdk(type)) {
      return isSafe(type);
    }
    return !patternOnly && !isGadget(type.getName()) && isOfApplication(type.getClassLoader());
  }

  private static boolean isOfJdk(Class<?> type) {
    ClassLoader loader = type.getClassLoader();
    return loader == null || loader == ClassLoader.getPlatformClassLoader();
  }

  private static boolean isSafe(Class<?> type) {
    String inPackage = type.getPackageName();
    if (SAFE_PACKAGES.contains(inPackage) || SAFE_CLASSES.contains(type.getName())) return true;
    // ObjectOutputStream itself writes the exception that ended it.
    return inPackage.equals("java.io") && Throwable.class.isAssignableFrom(type);
  }

  private static boolean isGadget(String name) {
    for (String start : GADGETS) {
      if (name.startsWith(start)) return true;
    }
    return false;
  }

  private boolean isOfApplication(ClassLoader loader) {
    for (ClassLoader each = loader; each != null; each = each.getParent()) {
      if (each == application) return true;
    }
    return false;
  }

  private static ObjectInputFilter compile(String pattern) {
    if (pattern.length() > PATTERN_CHARS_MAX) {
      throw new IllegalArgumentException(
          "the pattern has " + pattern.length() + " characters, at most " + PATTERN_CHARS_MAX);
    }
    ObjectInputFilter filter = ObjectInputFilter.Config.createFilter(pattern);
    if (filter == null) throw new IllegalArgumentException("the pattern is empty");
    if (pattern.indexOf('=') >= 0) {
      throw new IllegalArgumentException("limits are given by CodecLimits, not by the pattern");
    }
    return filter;
  }

  /** A question about a class alone. */
  private record Question(Class<?> serialClass) implements ObjectInputFilter.FilterInfo {
    @Override
    public long arrayLength() {
      return -1;
    }

    @Override
    public long depth() {
      return 1;
    }

    @Override
    public long references() {
      return 1;
    }

    @Override
    public long streamBytes() {
      return 0;
    }
  }
}
