/// <reference lib="esnext.disposable" />

/** What a gateway is started with. */
export interface GatewayOptions {
  /** The port to listen on at 127.0.0.1; 0, the default, is a free one. */
  port?: number | undefined;
  /** The path of a YAML file. */
  config?: string | undefined;
  /**
   * Added to the environment of the program: providers' keys, TOKLIGENCE_DATA_DIR, any other setting, also a
   * TOKLIGENCE_API_KEY to use in place of a random one.
   */
  env?: Record<string, string | undefined> | undefined;
  /** How long the gateway may take until it answers, in milliseconds; 30000 by default. Infinity sets no limit. */
  startTimeout?: number | undefined;
}

/** How to stop a gateway. */
export interface StopOptions {
  /** How long calls in flight may take until they are cut, in milliseconds; 10000 by default. Infinity sets no limit. */
  timeout?: number | undefined;
}

/** "failed" is a gateway that did not start, or that was given up after too many crashes. */
export type State = 'stopped' | 'starting' | 'running' | 'restarting' | 'failed';

/** How a gateway is. What it does not have is null. */
export interface Status {
  readonly state: State;
  readonly url: string | null;
  readonly port: number | null;
  readonly pid: number | null;
  readonly version: string | null;
  /** How often the gateway was started again after a crash, since start(). */
  readonly restarts: number;
}

/** What the gateway says of itself; "down" when it does not answer. */
export interface Health {
  status: string;
  error?: string;
  [more: string]: unknown;
}

/** Which calls usage() counts, and how it groups them. */
export interface UsageOptions {
  /** "24h", "30d", a day, a time as in RFC 3339 or a Date; the last 30 days by default. */
  since?: string | Date | undefined;
  /** Provider and model by default. */
  by?: readonly ('day' | 'user' | 'key' | 'team' | 'provider' | 'model' | 'outcome')[] | undefined;
}

/** What a group of calls used. */
export interface Usage {
  group: Record<string, string>;
  requests: number;
  attempts: number;
  failures: number;
  input_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  media_tokens: number;
  /** In billionths of a US dollar. */
  cost_nano_usd: number;
  /** Attempts whose price is not known; they are not in cost_nano_usd. */
  unpriced_attempts: number;
  estimated_attempts: number;
  first: string | null;
  last: string | null;
}

/** A crash that is being mended. */
export interface Restart {
  /** How the program ended, such as "signal SIGKILL" or "exit code 1". */
  readonly why: string;
  /** Milliseconds until it is started again. */
  readonly pause: number;
}

/** What a gateway emits. */
export interface GatewayEvents {
  /** The gateway answers: after start() and after each restart. */
  ready: [status: Status];
  /** The gateway crashed and will be started again. */
  restarting: [restart: Restart];
  /** The gateway did not start, or was given up. */
  failed: [error: GatewayError];
  /** The gateway was stopped. */
  stopped: [];
  /** It logged a line. */
  log: [line: string];
}

/**
 * A gateway that runs until stop() or the end of this process, whichever comes first.
 *
 * It listens on 127.0.0.1 only and asks for the key in apiKey. When it crashes it is started again on the same
 * port. It does not keep this process alive.
 */
export declare class Gateway {
  constructor(options?: GatewayOptions);
  /** Resolves when the gateway answers; starts it unless it runs. */
  start(): Promise<this>;
  /** Resolves when the gateway is gone. Calling it again does nothing. */
  stop(options?: StopOptions): Promise<void>;
  /** The key that clients must send. It stays the same from one start to the next. */
  readonly apiKey: string;
  /** Where the gateway listens, such as http://127.0.0.1:40123. */
  readonly url: string;
  /** The base URL for OpenAI clients; ends in /v1. */
  readonly openaiBaseUrl: string;
  /** The base URL for Anthropic clients; ends in /anthropic. */
  readonly anthropicBaseUrl: string;
  /** The port it listens on, the same after a crash. */
  readonly port: number;
  /** The process id of the gateway; another one after a crash. */
  readonly pid: number;
  /** How often the gateway was started again after a crash, since start(). */
  readonly restarts: number;
  /** How the gateway is, without asking it. */
  status(): Status;
  /** Asks the gateway how it is. Never rejects. */
  health(): Promise<Health>;
  /** The latest log lines of the gateway, the oldest first. */
  logs(): string[];
  /** What the ledger in the gateway's data folder holds, whether the gateway runs or not. */
  usage(options?: UsageOptions): Promise<Usage[]>;
  on<E extends keyof GatewayEvents>(event: E, listener: (...args: GatewayEvents[E]) => void): this;
  once<E extends keyof GatewayEvents>(event: E, listener: (...args: GatewayEvents[E]) => void): this;
  off<E extends keyof GatewayEvents>(event: E, listener: (...args: GatewayEvents[E]) => void): this;
  /** Stops the gateway at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Why a gateway cannot be had. */
export type GatewayErrorCode =
  /** There is no program for this platform. */
  | 'UNSUPPORTED_PLATFORM'
  /** The package with the program was left out: optional dependencies were not installed. */
  | 'PROGRAM_OMITTED'
  /** node_modules holds the program of another platform. */
  | 'OTHER_PLATFORM'
  /** The program is of another version than this package. */
  | 'OTHER_VERSION'
  /** The program that was found, or that TOKLIGENCE_BINARY names, cannot be run. */
  | 'NOT_RUNNABLE'
  /** Another program listens on the port that was asked for. */
  | 'PORT_IN_USE'
  /** It ended, or did not answer in time, while it started. */
  | 'NOT_STARTED'
  /** It crashed too often. */
  | 'GIVEN_UP'
  /** It was stopped while it started. */
  | 'STOPPED'
  /** It does not run. */
  | 'NOT_RUNNING'
  /** This process's gateway runs with other options. */
  | 'OTHER_OPTIONS'
  /** The ledger could not be read. */
  | 'NO_USAGE';

/** A gateway cannot be had; the message says why and ends with the last lines it logged. */
export declare class GatewayError extends Error {
  constructor(code: GatewayErrorCode, message: string, logs?: readonly string[]);
  readonly code: GatewayErrorCode;
  /** All the log lines that were kept. */
  readonly logs: readonly string[];
}

/**
 * Resolves to this process's gateway when it answers; starts it unless it runs. While it runs, other options are
 * an error: make another one with new Gateway(options).
 */
export declare function start(options?: GatewayOptions): Promise<Gateway>;

/** Stops the gateway that start() started, if there is one. */
export declare function stop(options?: StopOptions): Promise<void>;

/** How the gateway is that start() started. */
export declare function status(): Status;

/** The path of the gateway program; throws a GatewayError when there is none. */
export declare function findBinary(): string;
