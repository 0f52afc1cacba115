/**
 * Every setting: section, key (unit in the name), default, kind and one line for the operator. config.ts reads them
 * from defaults < config.ini < FOGLINE_SECTION_KEY (or FOGLINE_SECTION_KEY_FILE, a file with the value) < --set section.key=value. No key
 * may be called like another one with _file behind it; a test sees to that.
 */
export type SettingKind = 'text' | 'integer' | 'number' | 'flag' | 'path' | 'secret' | readonly string[];

export interface Setting {
  default: string;
  kind: SettingKind;
  /** Inclusive bounds of numbers. */
  min?: number;
  max?: number;
  comment: string;
}

export const SETTINGS = {
  simulation: {
    scenario_file: { default: '', kind: 'path', comment: 'scenario file (JSON); empty = replay every household into the topic' },
    data_dir: { default: '', kind: 'path', comment: 'folder of household CSV files; empty = generated synthetic households' },
    start_seconds: { default: '0', kind: 'number', min: 0, comment: 'where the run begins, seconds after the earliest reading' },
    until_seconds: {
      default: '',
      kind: 'number',
      min: 0,
      comment: 'where the run ends, seconds after the earliest reading; empty = end of the data',
    },
    speed: { default: '60', kind: 'text', comment: 'simulated seconds per second, or max' },
    loop: { default: 'false', kind: 'flag', comment: 'begin again at the end, as a new pass with its own source' },
    on_bad_row: { default: 'quarantine', kind: ['quarantine', 'fail'], comment: 'what an unreadable row does' },
    buffer_records: {
      default: '20000',
      kind: 'integer',
      min: 1000,
      max: 1000000,
      comment: 'records waiting for the broker before the simulation waits',
    },
    mark_seconds: { default: '5', kind: 'integer', min: 1, max: 3600, comment: 'simulated seconds between marks' },
    collect_file: { default: '', kind: 'path', comment: 'also write every reading into this CSV file; empty = no' },
    seed: { default: '20191224', kind: 'integer', comment: 'seed of the synthetic households' },
    record_file: {
      default: '',
      kind: 'path',
      comment: 'record every exchange with every simulator into this file, an earlier one is kept as FILE.1, FILE.2; empty = no',
    },
    status_port: {
      default: '',
      kind: 'integer',
      min: 0,
      max: 65535,
      comment: 'loopback port of a page with the numbers of the running simulation; 0 = any free one, empty = no page',
    },
  },
  broker: {
    kind: { default: 'embedded', kind: ['embedded', 'kafka'], comment: 'which broker carries the topics' },
    partitions: { default: '4', kind: 'integer', min: 1, max: 64, comment: 'partitions of a topic, fixed when it is made' },
    retention_hours: { default: '24', kind: 'number', min: 0.01, comment: 'embedded broker: keep consumed records this long' },
    quota_mb: { default: '4096', kind: 'integer', min: 16, comment: 'embedded broker: file size at which the oldest records go, counted' },
    kafka_brokers: { default: '127.0.0.1:9092', kind: 'text', comment: 'Kafka: host:port of some brokers, separated by commas' },
    kafka_prefix: { default: '', kind: 'text', comment: 'Kafka: begins the name of every topic and group' },
    kafka_retention_days: { default: '14', kind: 'number', min: 14, comment: 'Kafka: topics made by Fogline keep records this long' },
    kafka_replication: {
      default: '',
      kind: 'integer',
      min: 1,
      max: 15,
      comment: 'Kafka: copies of a topic made by Fogline; empty = 3, or one per broker',
    },
    kafka_tls: { default: 'false', kind: 'flag', comment: 'Kafka: connect by TLS' },
    kafka_ca_file: { default: '', kind: 'path', comment: 'Kafka: PEM file of who signed its certificate; empty = whom the system trusts' },
    kafka_cert_file: { default: '', kind: 'path', comment: 'Kafka: PEM file of our certificate, where it asks for one' },
    kafka_key_file: { default: '', kind: 'path', comment: 'Kafka: PEM file of the key of our certificate' },
    kafka_sasl: {
      default: 'none',
      kind: ['none', 'plain', 'scram-sha-256', 'scram-sha-512'],
      comment: 'Kafka: how the user is known to it',
    },
    kafka_user: { default: '', kind: 'text', comment: 'Kafka: name of the user' },
    kafka_password: { default: '', kind: 'secret', comment: 'Kafka: password of the user; only file:PATH here' },
  },
  edge: {
    id: { default: 'edge-1', kind: 'text', comment: 'name of this edge server' },
    window_seconds: { default: '5', kind: 'integer', min: 1, max: 3600, comment: 'length of a window of event time' },
    outbox_quota_mb: {
      default: '4096',
      kind: 'integer',
      min: 4,
      comment: 'size the outbox may reach; then acked rows go early, then intake waits',
    },
    outbox_keep_hours: {
      default: '24',
      kind: 'number',
      min: 0,
      comment: 'acked rows are kept this long, to refill a cloud restored from a backup',
    },
    idle_close_seconds: {
      default: '60',
      kind: 'number',
      min: 1,
      comment: 'an open part without a new record for so long is closed (sources without marks)',
    },
    status_port: { default: '0', kind: 'integer', min: 0, max: 65535, comment: 'loopback port of the status page; 0 = any free one' },
    publish_averages: { default: 'true', kind: 'flag', comment: 'feed closed parts into avg_power_topic' },
  },
  link: {
    kind: { default: 'auto', kind: ['auto', 'nanomsg', 'sp'], comment: 'transport of the edge; auto = nanomsg where it is installed' },
    cloud_host: { default: '127.0.0.1', kind: 'text', comment: 'where the edge finds the cloud' },
    listen_host: { default: '127.0.0.1', kind: 'text', comment: 'where the cloud listens for edges' },
    site: {
      default: '',
      kind: 'text',
      comment: 'a cloud refuses edges with another word here: two installations on one machine never mix; fogline run makes one up',
    },
    heartbeat_port: { default: '63270', kind: 'integer', min: 0, max: 65535, comment: 'port of the heartbeats' },
    data_port: { default: '63271', kind: 'integer', min: 0, max: 65535, comment: 'port of the data' },
    heartbeat_seconds: { default: '3', kind: 'number', min: 0.1, max: 60, comment: 'between two heartbeats, ± 20 %' },
    heartbeat_deadline_seconds: {
      default: '1.2',
      kind: 'number',
      min: 0.05,
      max: 30,
      comment: 'a heartbeat not answered for so long is lost',
    },
    data_deadline_seconds: {
      default: '10',
      kind: 'number',
      min: 0.1,
      max: 300,
      comment: 'a request not answered for so long is sent again',
    },
    legacy: { default: 'true', kind: 'flag', comment: 'answer plain-text heartbeats and tuples of older peers on loopback' },
    tls: {
      default: 'auto',
      kind: ['auto', 'on', 'off'],
      comment: 'mutual TLS between edge and cloud; auto = on where certificates are given',
    },
    certs_dir: { default: '', kind: 'path', comment: "folder that fogline certs has made: the cloud's certificate, what edges may own" },
    bundle_file: { default: '', kind: 'path', comment: "this edge's certificate and key, as fogline certs edge has made it" },
    allow_plaintext: { default: 'false', kind: 'flag', comment: 'allow plaintext to or from addresses other than loopback' },
  },
  cloud: {
    http_host: { default: '127.0.0.1', kind: 'text', comment: 'where the page and the API listen' },
    http_port: { default: '5006', kind: 'integer', min: 0, max: 65535, comment: 'port of the page and the API' },
    http_token: {
      default: 'auto',
      kind: ['auto', 'always'],
      comment: 'page and API demand a token; auto = where they listen beyond loopback or stand behind a proxy',
    },
    http_proxy: {
      default: 'false',
      kind: 'flag',
      comment: 'a proxy on this machine stands before the page: believe what it says of address and TLS',
    },
    http_names: {
      default: '',
      kind: 'text',
      comment: 'names by which the page may be asked for, separated by commas; empty = loopback, with a token any',
    },
    grpc_port: {
      default: '',
      kind: 'integer',
      min: 0,
      max: 65535,
      comment: 'port of gRPC, e.g. 9090; 0 = any free one; empty = no gRPC',
    },
    grpc_host: { default: '127.0.0.1', kind: 'text', comment: 'where gRPC listens; beyond loopback with TLS and a token' },
    grpc_tls_cert: { default: '', kind: 'path', comment: "PEM file of the certificate of gRPC; empty = the cloud's of link.certs_dir" },
    grpc_tls_key: { default: '', kind: 'path', comment: 'PEM file of its key' },
    meter_usage_household: {
      default: '',
      kind: 'text',
      comment: 'household of /meter-usage and of gRPC ReadData; empty = the one named meterusage, else all together',
    },
    households_file: {
      default: '',
      kind: 'path',
      comment: 'households.json: {household: postal code, or postalCode and intervalSeconds}; empty = codes are drawn',
    },
    silent_after_seconds: { default: '7', kind: 'number', min: 1, comment: 'an edge without a heartbeat for so long is silent' },
    reconnect_spread_seconds: {
      default: '',
      kind: 'number',
      min: 0,
      max: 600,
      comment: 'edges coming back spread over this time; empty = by how many they are and what waits in them',
    },
    keep_raw_days: {
      default: '0',
      kind: 'integer',
      min: 0,
      max: 36500,
      comment: 'windows are kept so many days before the newest reading, then only their minutes; 0 = for ever',
    },
    keep_1m_days: { default: '0', kind: 'integer', min: 0, max: 36500, comment: 'minutes are kept so many days; 0 = for ever' },
    keep_15m_days: {
      default: '0',
      kind: 'integer',
      min: 0,
      max: 36500,
      comment: 'quarters of an hour are kept so many days; 0 = for ever, as hours are',
    },
  },
  redis: {
    url: {
      default: '',
      kind: 'secret',
      comment: 'redis://:PASSWORD@HOST:PORT (rediss: TLS), newest windows for several cloud processes; only file:PATH here; empty = none',
    },
    password: { default: '', kind: 'secret', comment: 'password of Redis where redis.url has none; only file:PATH here' },
    ca_file: { default: '', kind: 'path', comment: 'PEM file of who signed the certificate of rediss; empty = whom the system trusts' },
    key_prefix: { default: 'fogline', kind: 'text', comment: 'begins every key and channel in Redis' },
    expire_hours: {
      default: '24',
      kind: 'number',
      min: 0.01,
      max: 8760,
      comment: 'a household without a new window for so long leaves Redis; the store keeps it',
    },
  },
  dashboard: {
    price_eur_per_kwh: { default: '0.30', kind: 'number', min: 0, comment: 'price for the cost figures' },
    data_label: { default: '', kind: 'text', comment: 'shown beside every figure, e.g. synthetic' },
    token: { default: '', kind: 'secret', comment: 'what export, audit and run show a cloud that demands a token; only file:PATH here' },
  },
} as const satisfies Record<string, Record<string, Setting>>;

export type Section = keyof typeof SETTINGS;
