import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.AbstractTransaction;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.Response;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.params.ScanParams;
import redis.clients.jedis.params.SetParams;
import redis.clients.jedis.resps.ScanResult;

/**
 * A client over Jedis, for ../redis_clients.py, in both versions of the protocol: a pool, a
 * pipeline, a transaction, bytes, hashes, lists of keys, keyspace events, errors. Usage:
 * JedisClient PORT OTHER_PORT; prints one line and ends with 0.
 */
public final class JedisClient {
  private static final int MANY = 1000;

  private final RedisProtocol protocol;
  private final RedisClient node;
  private final RedisClient other;
  private final int otherPort;

  private JedisClient(RedisProtocol protocol, int port, int otherPort) {
    this.protocol = protocol;
    this.otherPort = otherPort;
    node = pool(port);
    other = pool(otherPort);
  }

  private RedisClient pool(int port) {
    return RedisClient.builder()
        .hostAndPort(new HostAndPort("127.0.0.1", port))
        .clientConfig(configuration())
        .build();
  }

  private DefaultJedisClientConfig configuration() {
    return DefaultJedisClientConfig.builder()
        .protocol(protocol)
        .clientName("jedis")
        .socketTimeoutMillis(20000)
        .build();
  }

  private static void expect(Object got, Object wanted, String what) {
    if (!Objects.deepEquals(got, wanted))
      throw new AssertionError(what + ": " + got + ", not " + wanted);
  }

  private void strings() {
    node.del("j:k");
    expect(node.set("j:k", "v", SetParams.setParams().px(60000).nx()), "OK", "SET NX");
    expect(node.set("j:k", "w", SetParams.setParams().nx()), null, "SET NX again");
    expect(other.get("j:k"), "v", "GET at the other node");
    expect(other.pttl("j:k") > 50000, true, "PTTL");
    byte[] bytes = new byte[100_000];
    for (int i = 0; i < bytes.length; ++i) bytes[i] = (byte) (i * 7);
    byte[] key = {'j', ':', 0, (byte) 0xff};
    node.set(key, bytes);
    expect(Arrays.equals(other.get(key), bytes), true, "bytes at the other node");
    expect(node.mget("j:k", "j:none"), Arrays.asList("v", null), "MGET");
    try {
      node.incr("j:k");
      throw new AssertionError("INCR of a word");
    } catch (JedisDataException e) {
      expect(e.getMessage(), "ERR value is not an integer or out of range", "INCR of a word");
    }
  }

  private void pipelines() {
    node.del("j:n");
    try (AbstractPipeline pipeline = node.pipelined()) {
      for (int i = 0; i < MANY; ++i) pipeline.incr("j:n");
      Response<String> last = pipeline.get("j:n");
      pipeline.sync();
      expect(last.get(), String.valueOf(MANY), "the last of a pipeline");
    }
    try (AbstractTransaction transaction = other.multi()) {
      Response<Long> more = transaction.incrBy("j:n", 5);
      transaction.hset("j:t", Map.of("f", "1"));
      Response<Long> deleted = transaction.del("j:n", "j:t");
      transaction.exec();
      expect(more.get(), MANY + 5L, "INCRBY in a transaction");
      expect(deleted.get(), 2L, "DEL in a transaction");
    }
    expect(node.exists("j:n"), false, "what the transaction deleted");
  }

  private void hashes() {
    node.del("j:h");
    node.hset("j:h", Map.of("name", "ann", "items", "3"));
    expect(other.hgetAll("j:h"), Map.of("name", "ann", "items", "3"), "HGETALL at the other node");
    expect(other.hincrBy("j:h", "items", 2), 5L, "HINCRBY");
    expect(node.hmget("j:h", "items", "none"), Arrays.asList("5", null), "HMGET");
    Set<String> keys = new HashSet<>();
    String cursor = ScanParams.SCAN_POINTER_START;
    do {
      ScanResult<String> page = other.scan(cursor, new ScanParams().match("j:*").count(10));
      keys.addAll(page.getResult());
      cursor = page.getCursor();
    } while (!cursor.equals(ScanParams.SCAN_POINTER_START));
    expect(keys.containsAll(List.of("j:h", "j:k")) && !keys.contains("j:n"), true, "SCAN: " + keys);
  }

  private void events() throws InterruptedException {
    LinkedBlockingQueue<String> heard = new LinkedBlockingQueue<>();
    JedisPubSub listener = new JedisPubSub() {
      @Override
      public void onPSubscribe(String pattern, int channels) {
        heard.add("listening");
      }

      @Override
      public void onPMessage(String pattern, String channel, String message) {
        heard.add(message + " " + channel);
      }
    };
    Jedis jedis = new Jedis(new HostAndPort("127.0.0.1", otherPort), configuration());
    Thread thread = new Thread(() -> jedis.psubscribe(listener, "__keyspace@0__:j:e*"));
    thread.start();
    expect(heard.poll(20, TimeUnit.SECONDS), "listening", "PSUBSCRIBE");
    node.set("j:e", "v");
    node.del("j:e");
    expect(heard.poll(20, TimeUnit.SECONDS), "set __keyspace@0__:j:e", "event of a write");
    expect(heard.poll(20, TimeUnit.SECONDS), "del __keyspace@0__:j:e", "event of its end");
    listener.punsubscribe();
    thread.join(20_000);
    expect(thread.isAlive(), false, "listens after PUNSUBSCRIBE");
    jedis.close();
  }

  private void run() throws InterruptedException {
    try (node; other) {
      strings();
      pipelines();
      hashes();
      events();
    }
  }

  public static void main(String[] ports) throws InterruptedException {
    for (RedisProtocol protocol : List.of(RedisProtocol.RESP2, RedisProtocol.RESP3)) {
      new JedisClient(protocol, Integer.parseInt(ports[0]), Integer.parseInt(ports[1])).run();
    }
    System.out.println("Jedis, RESP2 and RESP3: pools, " + MANY
        + " commands in one pipeline, a transaction, bytes, hashes, SCAN, events");
  }
}
