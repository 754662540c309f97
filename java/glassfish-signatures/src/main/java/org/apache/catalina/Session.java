package org.apache.catalina;

/** A session of the container. */
public interface Session {
  String getIdInternal();

  void setId(String id);

  void expire();
}
