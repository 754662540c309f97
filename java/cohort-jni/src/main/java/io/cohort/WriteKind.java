package io.cohort;

/** The writes of a map; their numbers are known to native code (writes.cc). */
enum WriteKind {
  PUT,
  PUT_IF,
  PUT_IF_ABSENT,
  ERASE,
  ERASE_IF,
  INCREMENT,
  APPEND,
  EXPIRE,
  PERSIST,
  TOUCH,
  PUT_ATTRIBUTES,
  ERASE_ATTRIBUTES,
  CLEAR
}
