// The shapes of the UI's own screens (src/tradewind/web/screens). Times are Unix seconds.

export interface Run {
  id: string;
  type: string;
  state: string;
  after: number;
  logical: number | null;
  queued: number | null;
  start: number | null;
  end: number | null;
  note: string | null;
}

export interface ListedRun extends Run {
  dag: string;
  user: string | null;
}

export interface Instance {
  task: string;
  map: number;
  state: string;
  try: number;
  tries: number;
  queued: number | null;
  start: number | null;
  end: number | null;
  due: number | null;
  reason: string | null;
}

export interface ListedDag {
  id: string;
  name: string | null;
  description: string | null;
  owners: string;
  tags: string[];
  paused: boolean;
  schedule: string;
  schedule_words: string;
  timezone: string;
  next: number | null;
  favorite: boolean;
  runs: Run[];
}

export interface DagList {
  total: number;
  counts: { all: number; active: number; paused: number; failed: number; running: number };
  tags: [string, number][];
  dags: ListedDag[];
}

export interface Param {
  name: string;
  default: unknown;
  required: boolean;
  description: string | null;
  schema: Record<string, unknown>;
}

export interface Dag {
  id: string;
  favorite: boolean;
  name: string;
  description: string | null;
  doc: string | null;
  owners: string;
  tags: string[];
  file: string;
  active: boolean;
  paused: boolean;
  version: number;
  schedule: string;
  schedule_words: string;
  timezone: string;
  start: number | null;
  end: number | null;
  catchup: boolean;
  next: number | null;
  max_active_runs: number;
  max_active_tasks: number;
  parsed: number | null;
  parse_s: number | null;
  tasks: number;
  params: Param[];
}

/** [id, group's index or -1, operator, mapped, kind: 1 setup, 2 teardown] */
export type TaskShape = [string, number, string, number, number];
/** [id, parent's index or -1, label] */
export type GroupShape = [string, number, string];

export interface Structure {
  tasks: TaskShape[];
  groups: GroupShape[];
}

export interface Columns {
  version: number;
  runs: Run[];
  cells: string[];
  mapped: Record<string, Record<string, number>>[];
}

export interface Grid extends Structure, Columns {
  gone: string[];
}

export interface RunPage extends Structure {
  run: Run & {
    conf: Record<string, unknown>;
    interval: [number | null, number | null];
    by: string;
    user: string | null;
    backfill: number | null;
    clears: number;
    version: number;
  };
  median_s: number | null;
  instances: Instance[];
}

export interface Attempt {
  fence: number;
  state: string;
  executor: string;
  worker: string | null;
  queue: string | null;
  queued: number | null;
  start: number | null;
  end: number | null;
  exit_code: number | null;
  exit_signal: number | null;
  reason: string | null;
}

export interface Try {
  try: number;
  state: string;
  queued: number | null;
  start: number | null;
  end: number | null;
  reason: string | null;
  attempts: Attempt[];
}

/** What a task asks a person. */
export interface Question {
  dag: string;
  run: string;
  task: string;
  map: number;
  subject: string;
  body: string | null;
  options: string[];
  /** Chosen when nobody answers in time. */
  defaults: string[];
  multiple: boolean;
  params: Param[];
  /** Who may answer; nobody named is everybody who may run the DAG. */
  for: string[];
  at: number;
  until: number | null;
  waits: boolean;
  answer: { at: number; by: string; chosen: string[]; filled: Record<string, unknown> } | null;
}

export interface Why {
  code: string;
  text: string;
  until: number | null;
}

export interface TaskPage {
  run: Run;
  ti: Instance | null;
  mapped: Instance[];
  task: {
    id: string;
    name: string | null;
    operator: string;
    rule: string;
    upstream: string[];
    owner: string;
    pool: string;
    slots: number;
    queue: string | null;
    priority: number;
    retries: number;
    retry_delay_s: number;
    timeout_s: number | null;
    mapped: boolean;
    doc: string | null;
  } | null;
  tries: Try[];
  events: {
    at: number;
    subject: string;
    from: string | null;
    to: string;
    actor: string;
    reason: string | null;
    try: number | null;
  }[];
  note: string | null;
  question: Question | null;
  why: Why[];
}

/** [offset, time, level, source, text, rest] */
export type LogLine = [
  number,
  string | null,
  string | null,
  string | null,
  string,
  Record<string, unknown> | null,
];

export interface LogSegment {
  try: number;
  fence: number;
  size: number;
}

export interface LogPart {
  segments: LogSegment[];
  segment: LogSegment | null;
  lines: LogLine[];
  start: number;
  end: number;
  size: number;
}

export interface Graph extends Structure {
  version: number;
  edges: [number, number][];
  labels: [number, number, string][];
  names: Record<string, string>;
}

export interface Home {
  now: number;
  counts: Partial<Record<"queued" | "running" | "success" | "failed", number>>;
  parts: { kind: string; status: string; beat: number | null; host: string | null }[];
  failed: (Run & {
    dag: string;
    recovered: boolean;
    tasks: { task: string; map: number; try: number; reason: string | null }[];
    more: number;
  })[];
  asks: Question[];
  stuck: {
    dag: string;
    run: string;
    task: string | null;
    map: number;
    state: string;
    since: number;
    why: string | null;
  }[];
  late: { dag: string; due: number }[];
  next: { dag: string; due: number }[];
  pools: {
    name: string;
    slots: number;
    running: number;
    queued: number;
    scheduled: number;
    deferred: number;
  }[];
  broken: { file: string; at: number; error: string }[];
}
