package io.cohort.session;

import static io.cohort.session.Codecs.decode;
import static io.cohort.session.Codecs.drop;
import static io.cohort.session.Codecs.encode;
import static io.cohort.session.Codecs.unguarded;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Applications that are loaded twice, in other versions, or not at all. */
class ClassLoadersTest {
  private static String cart(long version, String more) {
    return "package shop; public class Cart implements java.io.Serializable {"
        + "  private static final long serialVersionUID = " + version + "L;  public int items = 3;"
        + more + "  public String toString() { return \"cart of \" + items; } }";
  }

  private static AttributeCodec codecOf(ClassLoader loader) {
    return new AttributeCodec(ClassRules.of(loader));
  }

  @Test
  void anAttributeBecomesAnObjectOfTheApplicationThatReadsIt() {
    Compiled application = Compiled.of("shop.Cart", cart(1, ""));
    ClassLoader here = application.newLoader();
    ClassLoader there = application.newLoader();
    Object cart = Compiled.make(here, "shop.Cart");
    Object back = decode(codecOf(there), encode(codecOf(here), cart));
    assertEquals("cart of 3", back.toString());
    assertSame(there, back.getClass().getClassLoader());
    assertNotSame(cart.getClass(), back.getClass());
  }

  @Test
  void arraysAndNestedAttributesAreOfTheApplicationToo() {
    Compiled application = Compiled.of("shop.Cart", cart(1, ""));
    ClassLoader here = application.newLoader();
    ClassLoader there = application.newLoader();
    Object cart = Compiled.make(here, "shop.Cart");
    Object array = java.lang.reflect.Array.newInstance(cart.getClass(), 1, 2);
    List<Object> list = new ArrayList<>(List.of(cart, array));
    List<?> back = (List<?>) decode(codecOf(there), encode(codecOf(here), list));
    assertSame(there, back.get(0).getClass().getClassLoader());
    assertSame(there, back.get(1).getClass().getComponentType().getClassLoader());
  }

  @Test
  void classesOfALoaderBelowTheApplicationAreItsOwnAndThoseAboveAreNot() {
    ClassLoader above = Compiled.of("shop.Cart", cart(1, "")).newLoader();
    ClassLoader application = Compiled.of().newLoader(above);
    ClassLoader below = Compiled
                            .of("pages.Page",
                                "package pages; public class Page"
                                    + " implements java.io.Serializable {}")
                            .newLoader(application);
    ClassRules rules = ClassRules.of(application);
    assertTrue(rules.allows(Compiled.make(below, "pages.Page").getClass()));
    Object ofServer = Compiled.make(above, "shop.Cart");
    assertEquals(Reason.CLASS_REFUSED, drop(codecOf(application), unguarded(ofServer)).reason());
    assertEquals("shop.Cart", drop(codecOf(application), unguarded(ofServer)).type());
  }

  @Test
  void aClassThatIsMissingDropsTheAttributeAndIsNamed() {
    ClassLoader here = Compiled.of("shop.Cart", cart(1, "")).newLoader();
    AttributeCodec there = codecOf(Compiled.of().newLoader());
    byte[] bytes =
        encode(codecOf(here), new ArrayList<>(List.of(Compiled.make(here, "shop.Cart"))));
    assertEquals(Reason.CLASS_NOT_FOUND, drop(there, bytes).reason());
    assertEquals("shop.Cart", drop(there, bytes).type());
    assertEquals("x", decode(there, encode(codecOf(here), "x")));
  }

  @Test
  void anotherSerialVersionDropsTheAttributeAndIsNamed() {
    ClassLoader here = Compiled.of("shop.Cart", cart(1, "")).newLoader();
    ClassLoader there = Compiled.of("shop.Cart", cart(2, "")).newLoader();
    byte[] bytes = encode(codecOf(here), Compiled.make(here, "shop.Cart"));
    assertEquals(Reason.CLASS_CHANGED, drop(codecOf(there), bytes).reason());
    assertEquals("shop.Cart", drop(codecOf(there), bytes).type());
  }

  @Test
  void aNewerVersionOfTheSameSerialVersionIsRead() {
    ClassLoader here = Compiled.of("shop.Cart", cart(1, "")).newLoader();
    ClassLoader there = Compiled.of("shop.Cart", cart(1, "public String coupon;")).newLoader();
    Object back = decode(codecOf(there), encode(codecOf(here), Compiled.make(here, "shop.Cart")));
    assertEquals("cart of 3", back.toString());
    back = decode(codecOf(here), encode(codecOf(there), Compiled.make(there, "shop.Cart")));
    assertEquals("cart of 3", back.toString());
  }

  private static final String READS =
      "private void readObject(java.io.ObjectInputStream in) throws Exception {"
      + " in.defaultReadObject();"
      + " System.setProperty(\"cohort.test.ran\", \"yes\"); } ";

  @Test
  void aGadgetOfTheApplicationIsRefusedBeforeAnyOfItsCodeRuns() {
    String name = "org.apache.commons.collections.functors.InvokerTransformer";
    Compiled application = Compiled.of(name,
        "package org.apache.commons.collections.functors; public class InvokerTransformer"
            + " implements java.io.Serializable {"
            + " static { System.setProperty(\"cohort.test.loaded\", \"yes\"); }" + READS + "}");
    ClassLoader here = application.newLoader();
    ClassLoader there = application.newLoader();
    byte[] bytes = unguarded(new ArrayList<>(List.of(Compiled.make(here, name))));
    System.clearProperty("cohort.test.loaded");
    DecodeResult.Dropped dropped = drop(codecOf(there), bytes);
    assertEquals(Reason.CLASS_REFUSED, dropped.reason());
    assertEquals(name, dropped.type());
    assertNull(System.getProperty("cohort.test.ran"));
    assertNull(System.getProperty("cohort.test.loaded"));
    // The same bytes run the code if the application says that it wants it.
    decode(new AttributeCodec(ClassRules.also(there, name)), bytes);
    assertEquals("yes", System.clearProperty("cohort.test.ran"));
  }

  @Test
  void codeThatReadsSeesTheLoaderOfTheApplicationAndTheThreadGetsItsOwnBack() {
    String reader = "package shop; public class Reader implements java.io.Serializable {"
        + " public transient ClassLoader seen;"
        + " private void readObject(java.io.ObjectInputStream in) {"
        + "   seen = Thread.currentThread().getContextClassLoader(); }"
        + " public String toString() { return String.valueOf(seen == getClass()"
        + "   .getClassLoader()); } }";
    ClassLoader loader = Compiled.of("shop.Reader", reader).newLoader();
    ClassLoader before = Thread.currentThread().getContextClassLoader();
    Object back =
        decode(codecOf(loader), encode(codecOf(loader), Compiled.make(loader, "shop.Reader")));
    assertEquals("true", back.toString());
    assertSame(before, Thread.currentThread().getContextClassLoader());
  }

  private static final String[] PROXY = {"shop.Greets",
      "package shop; interface Greets { String greet(); }", "shop.Handler",
      "package shop; public class Handler implements java.lang.reflect.InvocationHandler,"
          + " java.io.Serializable { public Object invoke(Object p, java.lang.reflect.Method m,"
          + " Object[] a) { return \"hello from \" + m.getName(); } }",
      "shop.Greeter",
      "package shop; public class Greeter implements java.io.Serializable {"
          + " Object proxy = java.lang.reflect.Proxy.newProxyInstance("
          + "   Greeter.class.getClassLoader(), new Class<?>[] {Greets.class}, new Handler());"
          + " public String toString() { return ((Greets) proxy).greet(); } }"};

  @Test
  void proxiesAreMadeByTheLoaderOfTheApplication() {
    Compiled application = Compiled.of(PROXY);
    ClassLoader here = application.newLoader();
    ClassLoader there = application.newLoader();
    byte[] bytes = encode(codecOf(here), Compiled.make(here, "shop.Greeter"));
    Object back = decode(codecOf(there), bytes);
    assertSame(there, back.getClass().getClassLoader());
    assertEquals("hello from greet", back.toString());
    back = decode(new AttributeCodec(ClassRules.only(there, "shop.*")), bytes);
    assertEquals("hello from greet", back.toString());
  }

  @Test
  void aProxyOfAnInterfaceThatIsNotAllowedIsNotMade() {
    ClassLoader loader = Compiled.of(PROXY).newLoader();
    byte[] bytes = unguarded(Compiled.make(loader, "shop.Greeter"));
    AttributeCodec codec = new AttributeCodec(ClassRules.only(loader, "!shop.Greets;shop.*"));
    assertEquals(Reason.CLASS_REFUSED, drop(codec, bytes).reason());
    assertEquals("shop.Greets", drop(codec, bytes).type());
    assertEquals("interface of a proxy", drop(codec, bytes).detail());
    EncodeResult.Refused notSent = Codecs.refusal(codec, Compiled.make(loader, "shop.Greeter"));
    assertEquals(Reason.CLASS_REFUSED, notSent.reason());
  }

  @Test
  void aProxyOfTooManyInterfacesIsNotMade() {
    List<String> sources = new ArrayList<>(List.of(PROXY));
    StringBuilder all = new StringBuilder();
    for (int i = 0; i <= CodecLimits.PROXY_INTERFACES_MAX; ++i) {
      sources.add("shop.I" + i);
      sources.add("package shop; public interface I" + i + " {}");
      all.append(i == 0 ? "" : ",").append("I").append(i).append(".class");
    }
    sources.add("shop.Many");
    sources.add(PROXY[5].replace("Greeter", "Many").replace("Greets.class", all));
    ClassLoader loader = Compiled.of(sources.toArray(new String[0])).newLoader();
    DecodeResult.Dropped dropped =
        drop(codecOf(loader), unguarded(Compiled.make(loader, "shop.Many")));
    assertEquals(Reason.LIMIT, dropped.reason());
    assertEquals("a proxy of 65 interfaces", dropped.detail());
  }

  @Test
  void nothingHoldsTheLoaderOfAnApplicationThatIsGone() {
    WeakReference<ClassLoader> loader = useAndForget();
    long[][] fill = new long[1][];
    try {
      // Classes of streams are cached by the JDK in soft references, which this empties.
      fill[0] = new long[Integer.MAX_VALUE - 8];
    } catch (OutOfMemoryError expected) {
      assertNull(fill[0]);
    }
    for (int i = 0; i < 20 && loader.get() != null; ++i) System.gc();
    assertNull(loader.get());
  }

  private static WeakReference<ClassLoader> useAndForget() {
    ClassLoader loader = Compiled.of("shop.Cart", cart(1, "")).newLoader();
    AttributeCodec codec = codecOf(loader);
    AttributePolicy policy = new AttributePolicy("shop", List.of(), report -> {});
    ChangeTracker tracker = new ChangeTracker(codec, policy, true);
    Object cart = Compiled.make(loader, "shop.Cart");
    tracker.onWritten("cart");
    assertEquals(1, tracker.collect(name -> cart).put().size());
    assertInstanceOf(DecodeResult.Decoded.class, codec.decode(encode(codec, cart)));
    return new WeakReference<>(loader);
  }
}
