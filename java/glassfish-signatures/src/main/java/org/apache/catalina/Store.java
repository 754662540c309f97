package org.apache.catalina;

/** Where a manager keeps sessions. */
public interface Store {}
