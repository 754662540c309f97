package io.cohort.session;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/** Classes compiled when a test runs, as an application that this test's loader does not know. */
final class Compiled {
  private final Map<String, byte[]> classes;

  private Compiled(Map<String, byte[]> classes) {
    this.classes = classes;
  }

  /** A loader of its own each time, as each instance of an application has. */
  ClassLoader newLoader(ClassLoader parent) {
    return new Loader(classes, parent);
  }

  ClassLoader newLoader() {
    return newLoader(Compiled.class.getClassLoader());
  }

  /** Each source is a name ("shop.Cart") and its text, one after the other. */
  static Compiled of(String... namesAndTexts) {
    List<JavaFileObject> sources = new ArrayList<>();
    for (int i = 0; i < namesAndTexts.length; i += 2) {
      sources.add(new Source(namesAndTexts[i], namesAndTexts[i + 1]));
    }
    if (sources.isEmpty()) return new Compiled(Map.of());
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    Memory memory = new Memory(compiler.getStandardFileManager(null, null, null));
    List<String> options = List.of("-proc:none", "-Xlint:none");
    if (!compiler.getTask(null, memory, null, options, null, sources).call()) {
      throw new AssertionError("the test's classes do not compile");
    }
    Map<String, byte[]> classes = new HashMap<>();
    memory.made.forEach((name, bytes) -> classes.put(name, bytes.toByteArray()));
    return new Compiled(classes);
  }

  /** Makes an object of a class by its constructor without arguments. */
  static Object make(ClassLoader loader, String name) {
    try {
      var constructor = Class.forName(name, true, loader).getDeclaredConstructor();
      constructor.setAccessible(true);
      return constructor.newInstance();
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(e);
    }
  }

  private static final class Loader extends ClassLoader {
    private final Map<String, byte[]> classes;

    Loader(Map<String, byte[]> classes, ClassLoader parent) {
      super(parent);
      this.classes = classes;
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
      byte[] bytes = classes.get(name);
      if (bytes == null) throw new ClassNotFoundException(name);
      return defineClass(name, bytes, 0, bytes.length);
    }
  }

  private static final class Source extends SimpleJavaFileObject {
    private final String text;

    Source(String name, String text) {
      super(URI.create("string:///" + name.replace('.', '/') + ".java"), Kind.SOURCE);
      this.text = text;
    }

    @Override
    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
      return text;
    }
  }

  private static final class Memory extends ForwardingJavaFileManager<JavaFileManager> {
    private final Map<String, ByteArrayOutputStream> made = new HashMap<>();

    Memory(JavaFileManager files) {
      super(files);
    }

    @Override
    public JavaFileObject getJavaFileForOutput(
        Location location, String name, JavaFileObject.Kind kind, FileObject sibling) {
      return new SimpleJavaFileObject(URI.create("memory:///" + name), kind) {
        @Override
        public OutputStream openOutputStream() {
          return made.computeIfAbsent(name, any -> new ByteArrayOutputStream());
        }
      };
    }
  }
}
