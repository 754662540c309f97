/**
 * Signatures of GlassFish 7's web container, as far as cohort-glassfish calls and overrides them.
 * GlassFish publishes these classes inside its distribution only, so they are declared here to
 * compile against; at run time GlassFish's own take their place, and nothing of this module is
 * shipped.
 */
package org.glassfish.web.ha.session.management;
