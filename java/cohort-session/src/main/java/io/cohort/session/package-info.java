/**
 * What all connectors of web servers share, so that a session begun on one goes on at another: how
 * an attribute becomes bytes and comes back ({@link io.cohort.session.AttributeCodec}), which
 * attributes are replicated ({@link io.cohort.session.AttributePolicy}), which of them a request
 * has changed ({@link io.cohort.session.ChangeTracker}), and what else a session has ({@link
 * io.cohort.session.SessionMetadata}). No native code, and nothing but the JDK. docs/java.md tells
 * the format and what is defended against.
 */
package io.cohort.session;
