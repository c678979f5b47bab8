export interface GatewayOptions {
  /** The port to listen on at 127.0.0.1; 0, the default, is a free one. */
  port?: number;
  /** The path of a YAML file. */
  config?: string;
  /** Added to the environment of the program. */
  env?: Record<string, string>;
}

export declare class Gateway {
  constructor(options?: GatewayOptions);
  /** The key this gateway asks for, and the only one. */
  readonly apiKey: string;
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends in /v1. */
  readonly openaiBaseUrl: string;
  /** Ends in /anthropic. */
  readonly anthropicBaseUrl: string;
  start(): Promise<this>;
  stop(): Promise<void>;
  logs(): string[];
}

export declare function start(options?: GatewayOptions): Promise<Gateway>;

/** The path of the gateway program; throws when there is none. */
export declare function findBinary(env?: Record<string, string | undefined>): string;
