import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams with the core of our state, exactly once: a row per user (how many events, the last 100 items) and, by way
 * of a topic keyed by item, counts of items in windows of 15 minutes, both in RocksDB with changelogs.
 *
 * <p>Environment: BROKER, APP_ID, TOPIC, STATE_DIR, EVENTS (all that the topic holds), COMMIT_MS. Ends once the counts hold
 * EVENTS events and prints a JSON line; {@code warm} is the second half of them, for which the code is compiled already.
 */
public final class StateOfUsers {
  private static final int KEPT = 100;
  private static final ObjectMapper JSON = new ObjectMapper();

  /** What is used of an event. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public static final class Event {
    public String item_id;
    public long timestamp;
  }

  /** Of a user. */
  public static final class Row {
    public long events;
    public ArrayList<String> items = new ArrayList<>();
  }

  /** Reads the clocks at the first event, at half of all, and at the last. */
  private static final class Clock {
    private final long events;
    private final AtomicLong counted = new AtomicLong();
    private final CountDownLatch done = new CountDownLatch(1);
    private volatile long[] first;
    private volatile long[] half;
    private volatile long[] last;

    Clock(long events) {
      this.events = events;
    }

    void begin() {
      if (first == null) {
        synchronized (this) {
          if (first == null) {
            first = now();
          }
        }
      }
    }

    void count() {
      long number = counted.incrementAndGet();
      if (number == events / 2) {
        half = now();
      } else if (number == events) {
        last = now();
        done.countDown();
      }
    }

    private static long[] now() {
      var process = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
      return new long[] {System.nanoTime(), process.getProcessCpuTime()};
    }

    String report() {
      long rest = events - events / 2;
      return String.format(
          Locale.ROOT,
          "{\"events_per_s\": %.1f, \"events_per_cpu_s\": %.1f, \"warm_events_per_cpu_s\": %.1f}",
          events * 1e9 / (last[0] - first[0]),
          events * 1e9 / (last[1] - first[1]),
          rest * 1e9 / (last[1] - half[1]));
    }
  }

  private static <T> Serde<T> json(Class<T> type) {
    ObjectReader reader = JSON.readerFor(type);
    return Serdes.serdeFrom(
        (topic, value) -> {
          try {
            return value == null ? null : JSON.writeValueAsBytes(value);
          } catch (IOException error) {
            throw new UncheckedIOException(error);
          }
        },
        (topic, bytes) -> {
          try {
            return bytes == null ? null : reader.readValue(bytes);
          } catch (IOException error) {
            throw new UncheckedIOException(error);
          }
        });
  }

  private static Row with(Row row, Event event) {
    row.events++;
    row.items.add(event.item_id);
    if (row.items.size() > KEPT) {
      row.items.remove(0);
    }
    return row;
  }

  private static long happened(ConsumerRecord<Object, Object> entry, long before) {
    return ((Event) entry.value()).timestamp;
  }

  private static StreamsBuilder topology(String topic, Clock clock) {
    Serde<String> text = Serdes.String();
    Serde<Event> events = json(Event.class);
    StreamsBuilder builder = new StreamsBuilder();
    KStream<String, Event> read =
        builder
            .stream(topic, Consumed.with(text, events).withTimestampExtractor(StateOfUsers::happened))
            .peek((user, event) -> clock.begin());
    read.groupByKey(Grouped.with(text, events))
        .aggregate(
            Row::new,
            (user, event, row) -> with(row, event),
            Materialized.<String, Row>as(Stores.persistentTimestampedKeyValueStore("users"))
                .withKeySerde(text)
                .withValueSerde(json(Row.class)));
    Duration window = Duration.ofMinutes(15);
    Duration kept = Duration.ofHours(25);
    read.map((user, event) -> KeyValue.pair(event.item_id, new byte[0]))
        .repartition(Repartitioned.<String, byte[]>as("by-item").withKeySerde(text).withValueSerde(Serdes.ByteArray()))
        .peek((item, nothing) -> clock.count())
        .groupByKey(Grouped.with(text, Serdes.ByteArray()))
        .windowedBy(TimeWindows.ofSizeAndGrace(window, Duration.ofHours(24)))
        .count(
            Materialized.<String, Long>as(Stores.persistentTimestampedWindowStore("items", kept, window, false))
                .withKeySerde(text)
                .withValueSerde(Serdes.Long()));
    return builder;
  }

  private static Properties settings() {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("APP_ID"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("BROKER"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("STATE_DIR"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, System.getenv("COMMIT_MS"));
    settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    return settings;
  }

  public static void main(String[] arguments) throws InterruptedException {
    Clock clock = new Clock(Long.parseLong(System.getenv("EVENTS")));
    KafkaStreams streams = new KafkaStreams(topology(System.getenv("TOPIC"), clock).build(), settings());
    streams.setUncaughtExceptionHandler(
        error -> {
          error.printStackTrace();
          Runtime.getRuntime().halt(1);
          return null;
        });
    streams.start();
    clock.done.await();
    streams.close(Duration.ofSeconds(20));
    System.out.println(clock.report());
  }

  private StateOfUsers() {}
}
