package io.cohort.session;

import java.io.IOException;
import java.io.InputStream;
import java.io.InvalidClassException;
import java.io.ObjectInputStream;
import java.io.ObjectStreamClass;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.Map;

/** Reads objects whose classes the application's loader knows. One thread. */
final class AttributeInput extends ObjectInputStream {
  private static final Map<String, Class<?>> PRIMITIVES = Map.of("boolean", boolean.class, "byte",
      byte.class, "char", char.class, "short", short.class, "int", int.class, "long", long.class,
      "float", float.class, "double", double.class, "void", void.class);

  private static final InvocationHandler NEVER_CALLED = (proxy, method, arguments) -> null;

  private final ClassRules rules;
  private final StreamFilter filter;
  private String missing = "";

  AttributeInput(InputStream in, ClassRules rules, StreamFilter filter) throws IOException {
    super(in);
    this.rules = rules;
    this.filter = filter;
    setObjectInputFilter(filter);
  }

  /** Name of the first class that was not found, or "". */
  String missing() {
    return missing;
  }

  @Override
  protected Class<?> resolveClass(ObjectStreamClass description) throws ClassNotFoundException {
    return load(description.getName());
  }

  @Override
  protected Class<?> resolveProxyClass(String[] names) throws IOException, ClassNotFoundException {
    if (names.length > CodecLimits.PROXY_INTERFACES_MAX) {
      filter.refuse(Reason.LIMIT, "", "a proxy of " + names.length + " interfaces");
      throw new InvalidClassException("too many interfaces");
    }
    Class<?>[] interfaces = new Class<?>[names.length];
    ClassLoader loader = rules.application();
    for (int i = 0; i < names.length; ++i) {
      interfaces[i] = load(names[i]);
      // Before the class is made: each new list of interfaces makes one that stays.
      if (!rules.allows(interfaces[i])) {
        filter.refuse(Reason.CLASS_REFUSED, names[i], "interface of a proxy");
        throw new InvalidClassException(names[i], "refused");
      }
      if (!Modifier.isPublic(interfaces[i].getModifiers())) {
        loader = interfaces[i].getClassLoader();
      }
    }
    try {
      return Proxy.newProxyInstance(loader, interfaces, NEVER_CALLED).getClass();
    } catch (IllegalArgumentException e) {
      throw new ClassNotFoundException("no proxy of these interfaces", e);
    }
  }

  // Without running its static initialisers: the filter has not seen it yet.
  private Class<?> load(String name) throws ClassNotFoundException {
    Class<?> primitive = PRIMITIVES.get(name);
    if (primitive != null) return primitive;
    try {
      return Class.forName(name, false, rules.application());
    } catch (ClassNotFoundException | LinkageError e) {
      if (missing.isEmpty()) missing = name;
      throw e;
    }
  }
}
