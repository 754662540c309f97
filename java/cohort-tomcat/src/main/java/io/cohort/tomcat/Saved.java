package io.cohort.tomcat;

/** What became of saving a session. */
enum Saved {
  /** Nothing had to be sent. */
  UNCHANGED,
  /** It is where the setting "ack" wants it. */
  ACKNOWLEDGED,
  /** Perhaps it is not: the group could not say. It stays here, and is sent again. */
  UNACKNOWLEDGED,
  /** Another request's save goes on, and takes too long: nothing was sent yet. */
  HELD_UP,
  /** Another instance has a newer one: what this request changed is not in it. */
  CONFLICT,
  /** It has ended, here or elsewhere. */
  ENDED
}
