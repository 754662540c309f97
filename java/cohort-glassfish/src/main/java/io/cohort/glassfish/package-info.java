/**
 * Replicated HTTP sessions for GlassFish 7: a bundle whose {@link
 * io.cohort.glassfish.CohortManager} takes the place of GlassFish's own manager of replicated
 * sessions. docs/glassfish.md tells how it is installed and what it promises.
 */
package io.cohort.glassfish;
