package io.cohort.session;

import java.io.IOException;
import java.io.InvalidClassException;
import java.io.ObjectOutputStream;
import java.io.OutputStream;

/** Writes objects of allowed classes. One thread. */
final class AttributeOutput extends ObjectOutputStream {
  private final ClassRules rules;
  private String refused = "";

  AttributeOutput(OutputStream out, ClassRules rules) throws IOException {
    super(out);
    this.rules = rules;
  }

  /**
   * Name of the first class that was refused, or "". Code that writes may swallow the exception.
   */
  String refused() {
    return refused;
  }

  // Called once for each class of the stream.
  @Override
  protected void annotateClass(Class<?> type) throws IOException {
    if (rules.allows(type)) return;
    if (refused.isEmpty()) refused = type.getName();
    throw new InvalidClassException(type.getName(), "refused");
  }

  @Override
  protected void annotateProxyClass(Class<?> type) throws IOException {
    annotateClass(type);
  }
}
