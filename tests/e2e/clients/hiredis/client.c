// A client in C over hiredis, for ../../redis_clients.py: blocking calls, a pipeline, a
// transaction, binary values, a hash and its event, errors. Usage: client PORT OTHER_PORT; prints
// one line and ends with 0, or says on standard error what was wrong.
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kPipeline = 1000, kBig = 500000 };

static void Die(const char* what, const redisReply* reply) {
  fprintf(stderr, "%s: type %d, %s\n", what, reply == NULL ? -1 : reply->type,
          reply != NULL && reply->str != NULL ? reply->str : "(no text)");
  exit(1);
}

static redisContext* Connect(const char* port) {
  redisContext* context = redisConnect("127.0.0.1", atoi(port));
  if (context == NULL || context->err != 0) {
    fprintf(stderr, "connect to %s: %s\n", port, context == NULL ? "no memory" : context->errstr);
    exit(1);
  }
  const struct timeval timeout = {20, 0};
  redisSetTimeout(context, timeout);
  return context;
}

// The reply must be of `type` and, where it is text, `text` (NULL: anything).
static void Expect(redisReply* reply, int type, const char* text, const char* what) {
  if (reply == NULL || reply->type != type) Die(what, reply);
  if (text != NULL && (reply->str == NULL || strcmp(reply->str, text) != 0)) Die(what, reply);
  freeReplyObject(reply);
}

static redisReply* Do(redisContext* context, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  redisReply* reply = redisvCommand(context, format, arguments);
  va_end(arguments);
  return reply;
}

static void Pipeline(redisContext* context) {
  for (int i = 0; i < kPipeline; ++i) redisAppendCommand(context, "SET c:%d %d", i, i);
  for (int i = 0; i < kPipeline; ++i) redisAppendCommand(context, "GET c:%d", i);
  for (int i = 0; i < 2 * kPipeline; ++i) {
    void* reply = NULL;
    if (redisGetReply(context, &reply) != REDIS_OK) Die("pipeline", NULL);
    char wanted[16];
    snprintf(wanted, sizeof wanted, "%d", i - kPipeline);
    if (i < kPipeline) {
      Expect(reply, REDIS_REPLY_STATUS, "OK", "SET in a pipeline");
    } else {
      Expect(reply, REDIS_REPLY_STRING, wanted, "GET in a pipeline");
    }
  }
}

static void Transaction(redisContext* context) {
  Expect(Do(context, "SET h:n 1"), REDIS_REPLY_STATUS, "OK", "SET");
  Expect(Do(context, "MULTI"), REDIS_REPLY_STATUS, "OK", "MULTI");
  Expect(Do(context, "INCR h:n"), REDIS_REPLY_STATUS, "QUEUED", "INCR");
  Expect(Do(context, "GET h:n"), REDIS_REPLY_STATUS, "QUEUED", "GET");
  redisReply* reply = Do(context, "EXEC");
  const int right = reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                    reply->element[0]->integer == 2 && strcmp(reply->element[1]->str, "2") == 0;
  if (!right) Die("EXEC", reply);
  freeReplyObject(reply);
}

static void Binary(redisContext* context, redisContext* other) {
  char* bytes = malloc(kBig);
  for (int i = 0; i < kBig; ++i) bytes[i] = (char)(i * 7);
  Expect(Do(context, "SET h:big %b", bytes, (size_t)kBig), REDIS_REPLY_STATUS, "OK",
         "SET of bytes");
  redisReply* reply = Do(other, "GET h:big");
  const int same = reply != NULL && reply->type == REDIS_REPLY_STRING && reply->len == kBig &&
                   memcmp(reply->str, bytes, kBig) == 0;
  if (!same) Die("GET of bytes at the other node", reply);
  freeReplyObject(reply);
  free(bytes);
}

// Fields, and what the other node tells of them.
static void Hash(redisContext* context, redisContext* listener) {
  Expect(Do(context, "DEL h:hash"), REDIS_REPLY_INTEGER, NULL, "DEL");
  Expect(Do(listener, "SUBSCRIBE __keyspace@0__:h:hash"), REDIS_REPLY_ARRAY, NULL, "SUBSCRIBE");
  Expect(Do(context, "HSET h:hash f %b", "v\0w", (size_t)3), REDIS_REPLY_INTEGER, NULL, "HSET");
  void* reply = NULL;
  if (redisGetReply(listener, &reply) != REDIS_OK) Die("message", NULL);
  const redisReply* message = reply;
  const int right = message->type == REDIS_REPLY_ARRAY && message->elements == 3 &&
                    strcmp(message->element[2]->str, "hset") == 0;
  if (!right) Die("message", message);
  freeReplyObject(reply);
  Expect(Do(listener, "UNSUBSCRIBE"), REDIS_REPLY_ARRAY, NULL, "UNSUBSCRIBE");
  redisReply* value = Do(listener, "HGET h:hash f");
  if (value == NULL || value->type != REDIS_REPLY_STRING || value->len != 3) Die("HGET", value);
  freeReplyObject(value);
}

int main(int argc, char** argv) {
  if (argc != 3) return fprintf(stderr, "usage: hiredis_client PORT OTHER_PORT\n"), 2;
  redisContext* context = Connect(argv[1]);
  redisContext* other = Connect(argv[2]);
  Pipeline(context);
  Transaction(context);
  Binary(context, other);
  Hash(context, other);
  Expect(Do(context, "GET h:none"), REDIS_REPLY_NIL, NULL, "GET of no key");
  Expect(Do(context, "NOSUCH"), REDIS_REPLY_ERROR, NULL, "an unknown command");
  Expect(Do(context, "STRLEN h:big"), REDIS_REPLY_INTEGER, NULL, "STRLEN");
  Expect(Do(other, "GET c:999"), REDIS_REPLY_STRING, "999", "GET at the other node");
  redisFree(context);
  redisFree(other);
  printf("hiredis: %d commands in one pipeline, a transaction, %d bytes, a hash and its event\n",
         2 * kPipeline, kBig);
  return 0;
}
