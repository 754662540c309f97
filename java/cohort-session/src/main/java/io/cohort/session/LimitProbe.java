package io.cohort.session;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectStreamClass;

/**
 * Walks through a stream without making any object of it, to find whether it keeps the limits that
 * hold where it is read. A class that is not found makes {@link ObjectInputStream} pass over its
 * objects; here none is found, so no code of theirs runs.
 */
final class LimitProbe extends ObjectInputStream {
  private static final class NoClass extends ClassNotFoundException {
    private static final long serialVersionUID = 1;

    // There is one for each class of each stream, and nobody reads where it came from.
    @Override
    public synchronized Throwable fillInStackTrace() {
      return this;
    }
  }

  private LimitProbe(ByteArrayInputStream in, StreamFilter filter) throws IOException {
    super(in);
    setObjectInputFilter(filter);
  }

  /** What reading {@code bytes} from {@code offset} on would be refused for, or null. */
  static DecodeResult.Dropped findRefusal(byte[] bytes, int offset, CodecLimits limits) {
    int length = bytes.length - offset;
    StreamFilter filter = new StreamFilter(null, limits, length);
    try (LimitProbe probe =
             new LimitProbe(new ByteArrayInputStream(bytes, offset, length), filter)) {
      probe.readObject();
    } catch (StackOverflowError e) {
      filter.refuse(Reason.LIMIT, "", "too deep for the stack");
    } catch (IOException | ClassNotFoundException | RuntimeException e) {
      // No class was found, of course; and what does not write its fields by the rules cannot be
      // passed over. Only the filter knows of limits.
    }
    return filter.refusal();
  }

  @Override
  protected Class<?> resolveClass(ObjectStreamClass description) throws ClassNotFoundException {
    String name = description.getName();
    // An array whose class is not found is taken for one of objects: those of primitives must be.
    if (name.length() == 2 && name.charAt(0) == '[') return Class.forName(name);
    throw new NoClass();
  }

  @Override
  protected Class<?> resolveProxyClass(String[] names) throws ClassNotFoundException {
    throw new NoClass();
  }
}
